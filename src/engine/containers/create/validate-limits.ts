/**
 * Checks resource limits as moby does (daemon/daemon_unix.go, verifyPlatformContainerResources): impossible values are
 * refused, those that this kernel has no controller for are dropped with a warning.
 */
import type { HostConfig } from "../../../api/container-config.ts";
import { EngineError } from "../../../base/errors.ts";
import type { HostFacts } from "./host-facts.ts";

/** Docker's own floor: below it a container does not even start. */
const LEAST_MEMORY = 6 << 20;
const NOT_MOUNTED = "or the cgroup is not mounted.";

/** Returns the limits that will be set. Throws invalid. */
export function validateLimits(given: HostConfig, facts: HostFacts, warnings: string[]): HostConfig {
  const limits = { ...given };
  validateMemory(limits, facts, warnings);
  validateOomAndPids(limits, facts, warnings);
  validateCpu(limits, facts, warnings);
  validateCpuset(limits, facts, warnings);
  return limits;
}

function validateMemory(limits: HostConfig, facts: HostFacts, warnings: string[]): void {
  const memory = limits.Memory ?? 0;
  if (limits.MemorySwappiness === -1) limits.MemorySwappiness = null;
  if (memory !== 0 && memory < LEAST_MEMORY) throw invalid("Minimum memory limit allowed is 6MB");
  if (memory > 0 && !facts.controllers.has("memory")) {
    warnings.push(
      `Your kernel does not support memory limit capabilities ${NOT_MOUNTED} Limitation discarded.`,
    );
    limits.Memory = 0;
    limits.MemorySwap = -1;
  }
  validateSwap(limits, facts, warnings);
  const reservation = limits.MemoryReservation ?? 0;
  if (reservation < 0 || (reservation > 0 && reservation < LEAST_MEMORY)) {
    throw invalid("Minimum memory reservation allowed is 6MB");
  }
  if (memory > 0 && reservation > memory) {
    throw invalid("Minimum memory limit can not be less than memory reservation limit, see usage");
  }
}

function validateSwap(limits: HostConfig, facts: HostFacts, warnings: string[]): void {
  const memory = limits.Memory ?? 0;
  const swap = limits.MemorySwap ?? 0;
  if (swap < -1) throw invalid("Invalid value for memory swap: use -1 for unlimited swap");
  if (memory > 0 && swap !== -1 && !facts.swapLimit) {
    warnings.push(
      `Your kernel does not support swap limit capabilities ${NOT_MOUNTED} Memory limited without swap.`,
    );
    limits.MemorySwap = -1;
  }
  if (memory > 0 && swap > 0 && swap < memory) {
    throw invalid("Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (memory === 0 && swap > 0) {
    throw invalid("You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  const swappiness = limits.MemorySwappiness ?? null;
  if (swappiness === null) return;
  if (!facts.swappiness) {
    warnings.push(
      `Your kernel does not support memory swappiness capabilities ${NOT_MOUNTED} Memory swappiness discarded.`,
    );
    limits.MemorySwappiness = null;
  } else if (swappiness < 0 || swappiness > 100) {
    throw invalid(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
  }
}

function validateOomAndPids(limits: HostConfig, facts: HostFacts, warnings: string[]): void {
  if (limits.OomKillDisable === true && !facts.oomKillDisable) {
    warnings.push("Your kernel does not support OomKillDisable. OomKillDisable discarded.");
    limits.OomKillDisable = false;
  }
  if (limits.OomKillDisable === true && (limits.Memory ?? 0) === 0) {
    warnings.push(
      "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.",
    );
  }
  // 0 and every negative number mean "unlimited".
  if ((limits.PidsLimit ?? 0) <= 0) limits.PidsLimit = null;
  if (limits.PidsLimit !== null && !facts.controllers.has("pids")) {
    warnings.push(
      `Your kernel does not support PIDs limit capabilities ${NOT_MOUNTED} PIDs limit discarded.`,
    );
    limits.PidsLimit = null;
  }
}

function validateCpu(limits: HostConfig, facts: HostFacts, warnings: string[]): void {
  const { NanoCpus = 0, CpuPeriod = 0, CpuQuota = 0, CpuShares = 0 } = limits;
  if (CpuShares < 0) throw invalid(`invalid CPU shares (${CpuShares}): value must be a positive integer`);
  if (NanoCpus > 0 && CpuPeriod > 0) {
    throw invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set");
  }
  if (NanoCpus > 0 && CpuQuota > 0) {
    throw invalid("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
  }
  const hasCpu = facts.controllers.has("cpu");
  if (NanoCpus > 0 && !hasCpu) {
    throw invalid(
      "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted",
    );
  }
  if (NanoCpus < 0 || NanoCpus > facts.cpuCount * 1e9) {
    throw invalid(
      `range of CPUs is from 0.01 to ${facts.cpuCount}.00, as there are only ${facts.cpuCount} CPUs available`,
    );
  }
  if (CpuPeriod !== 0 && (CpuPeriod < 1000 || CpuPeriod > 1_000_000)) {
    throw invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  }
  if (CpuQuota > 0 && CpuQuota < 1000) throw invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  if (hasCpu) return;
  if (CpuShares > 0) {
    warnings.push(`Your kernel does not support CPU shares ${NOT_MOUNTED} Shares discarded.`);
    limits.CpuShares = 0;
  }
  if (CpuPeriod !== 0 || CpuQuota !== 0) {
    warnings.push("Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.");
    limits.CpuPeriod = 0;
    limits.CpuQuota = 0;
  }
}

function validateCpuset(limits: HostConfig, facts: HostFacts, warnings: string[]): void {
  if (!limits.CpusetCpus && !limits.CpusetMems) return;
  if (!facts.controllers.has("cpuset")) {
    warnings.push("Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.");
    limits.CpusetCpus = "";
    limits.CpusetMems = "";
    return;
  }
  requireSubset(limits.CpusetCpus ?? "", facts.onlineCpus, "cpus", "CPUs");
  requireSubset(limits.CpusetMems ?? "", facts.onlineMems, "mems", "memory nodes");
}

function requireSubset(requested: string, available: string, controller: string, words: string): void {
  const wanted = parseCpuset(requested);
  if (wanted === undefined) throw invalid(`Invalid value ${requested} for cpuset ${controller}`);
  const online = parseCpuset(available) ?? new Set();
  if (![...wanted].every((index) => online.has(index))) {
    throw invalid(`Requested ${words} are not available - requested ${requested}, available: ${available}`);
  }
}

/** `0-2,7` (cpuset(7), "List format"); undefined for anything else. */
export function parseCpuset(text: string): Set<number> | undefined {
  const result = new Set<number>();
  if (text === "") return result;
  for (const range of text.split(",")) {
    const match = /^([0-9]{1,4})(?:-([0-9]{1,4}))?$/.exec(range);
    const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
    if (match === null || last < first) return undefined;
    for (let index = first; index <= last; index++) result.add(index);
  }
  return result;
}

function invalid(message: string): EngineError {
  return new EngineError("invalid", message);
}
