import type { ContainerConfig, HostConfig } from "../../../api/container-config.ts";
import { EngineError } from "../../../base/errors.ts";
import { parseExtraHost } from "../resolution-files.ts";
import type { HostFacts } from "./host-facts.ts";
import { normalizeCapabilities } from "./validate-capabilities.ts";
import { normalizeDevices, validateSysctls, validateUlimits } from "./validate-kernel-settings.ts";
import { validateLimits } from "./validate-limits.ts";
import { normalizeLogConfig } from "./validate-log-config.ts";
import { sharedContainer, validateNamespaces } from "./validate-namespaces.ts";
import { parseSecurityOptions } from "./validate-security.ts";
import { refuseUnavailable } from "./validate-unavailable.ts";

const DEFAULT_SHM_BYTES = 64 << 20;
/** This engine's own, and the names of others that Docker knows without being told. */
const OWN_RUNTIMES = ["", "berth"];
const FOREIGN_RUNTIMES = ["runc", "io.containerd.runc.v2", "crun"];

const MASKED_PATHS = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];
const READONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/** What inspect shows for a client that said nothing: Go's zero values, which clients read without looking. */
const ZERO: HostConfig = {
  Binds: null,
  ContainerIDFile: "",
  NetworkMode: "",
  PortBindings: {},
  RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
  AutoRemove: false,
  VolumeDriver: "",
  VolumesFrom: null,
  ConsoleSize: [0, 0],
  Dns: [],
  DnsOptions: [],
  DnsSearch: [],
  ExtraHosts: null,
  GroupAdd: null,
  Cgroup: "",
  Links: null,
  OomScoreAdj: 0,
  PidMode: "",
  Privileged: false,
  PublishAllPorts: false,
  ReadonlyRootfs: false,
  SecurityOpt: null,
  UTSMode: "",
  UsernsMode: "",
  Isolation: "",
  CpuShares: 0,
  Memory: 0,
  NanoCpus: 0,
  CgroupParent: "",
  BlkioWeight: 0,
  BlkioWeightDevice: [],
  BlkioDeviceReadBps: [],
  BlkioDeviceWriteBps: [],
  BlkioDeviceReadIOps: [],
  BlkioDeviceWriteIOps: [],
  CpuPeriod: 0,
  CpuQuota: 0,
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  CpusetCpus: "",
  CpusetMems: "",
  Devices: [],
  DeviceCgroupRules: null,
  DeviceRequests: null,
  MemoryReservation: 0,
  MemorySwap: 0,
  MemorySwappiness: null,
  OomKillDisable: false,
  PidsLimit: null,
  Ulimits: [],
  CpuCount: 0,
  CpuPercent: 0,
  IOMaximumIOps: 0,
  IOMaximumBandwidth: 0,
};

/**
 * Checks every field of the machine-dependent half and fills in what was left open. `idOf` turns a container's name into
 * its id, so that modes like `container:web` survive a rename.
 * Throws invalid in Docker's words, unimplemented for what does not exist yet.
 */
export function normalizeHostConfig(
  config: ContainerConfig,
  given: HostConfig,
  context: {
    readonly facts: HostFacts;
    readonly idOf: (ref: string) => string | undefined;
    readonly warnings: string[];
  },
): HostConfig {
  const { facts, warnings } = context;
  refuseUnavailable(given);
  validateNamespaces(config, given);
  validateScalars(given);
  parseSecurityOptions(given.SecurityOpt ?? []);
  for (const entry of given.ExtraHosts ?? []) parseExtraHost(entry);
  validateSysctls(given);
  validateUlimits(given.Ulimits ?? []);
  if (given.NetworkMode === "host" && Object.keys(given.PortBindings ?? {}).length > 0) {
    warnings.push("Published ports are discarded when using host network mode");
  }
  const filled: HostConfig = {
    ...ZERO,
    ...given,
    ...normalizeCapabilities(given, facts.capabilityBounds),
    Devices: normalizeDevices(given.Devices ?? []),
    LogConfig: normalizeLogConfig(given.LogConfig),
    RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
    NetworkMode: withId(given.NetworkMode, context.idOf),
    PidMode: withId(given.PidMode, context.idOf),
    IpcMode: withId(given.IpcMode, context.idOf) || "private",
    CgroupnsMode: given.CgroupnsMode || (facts.cgroupVersion === 1 ? "host" : "private"),
    ShmSize: given.ShmSize || DEFAULT_SHM_BYTES,
    Runtime: given.Runtime || "berth",
    ...kernelPaths(given),
  };
  return defaultSwap(validateLimits(filled, facts, warnings));
}

function validateScalars(given: HostConfig): void {
  const { OomScoreAdj = 0, Runtime = "", Isolation = "", ShmSize = 0 } = given;
  if (ShmSize < 0) throw invalid("SHM size can not be less than 0");
  if (OomScoreAdj < -1000 || OomScoreAdj > 1000) {
    throw invalid(`Invalid value ${OomScoreAdj}, range for oom score adj is [-1000, 1000]`);
  }
  if (FOREIGN_RUNTIMES.includes(Runtime)) {
    throw new EngineError(
      "unimplemented",
      `the runtime ${Runtime} is not available yet: without a runtime's name berth uses its own`,
    );
  }
  if (!OWN_RUNTIMES.includes(Runtime)) throw invalid(`unknown or invalid runtime name: ${Runtime}`);
  if (Isolation !== "" && Isolation !== "default") {
    throw invalid(`invalid isolation (${Isolation}): linux only supports 'default'`);
  }
  if (given.IOMaximumBandwidth || given.IOMaximumIOps) {
    throw invalid("invalid option: QoS maximum bandwidth and IOPs configuration is not supported on linux");
  }
  if (given.RestartPolicy?.MaximumRetryCount) {
    throw invalid("invalid restart policy: maximum retry count cannot be used with restart policy 'no'");
  }
  const size = given.ConsoleSize ?? [0, 0];
  if (size.length !== 2 || size.some((side) => side < 0 || side > 65535)) {
    throw invalid("ConsoleSize must be two numbers, rows and columns, of at most 65535");
  }
  if (Object.keys(given.Annotations ?? {}).includes("")) {
    throw invalid("invalid Annotations: the empty string is not permitted as an annotation key");
  }
  if ((given.CgroupParent ?? "").split("/").includes("..")) {
    throw invalid(`invalid cgroup parent "${given.CgroupParent}": it must not contain ..`);
  }
  for (const path of [...(given.MaskedPaths ?? []), ...(given.ReadonlyPaths ?? [])]) {
    if (!path.startsWith("/")) throw invalid(`the masked or read-only path "${path}" must be absolute`);
  }
  for (const group of given.GroupAdd ?? []) {
    if (!/^[^\s:]{1,256}$/.test(group)) throw invalid(`invalid group "${group}"`);
  }
  for (const line of [...(given.Dns ?? []), ...(given.DnsSearch ?? []), ...(given.DnsOptions ?? [])]) {
    if (!/^[\x21-\x7e]{1,256}$/.test(line)) throw invalid(`invalid DNS setting "${line}"`);
  }
}

/** An unknown container is no error yet: it has to be there at the start. */
function withId(mode: string | undefined, idOf: (ref: string) => string | undefined): string {
  const other = sharedContainer(mode);
  const id = other === undefined ? undefined : idOf(other);
  return id === undefined ? (mode ?? "") : `container:${id}`;
}

function kernelPaths(given: HostConfig): Pick<HostConfig, "MaskedPaths" | "ReadonlyPaths"> {
  if (given.Privileged) return { MaskedPaths: null, ReadonlyPaths: null };
  return {
    MaskedPaths: given.MaskedPaths ?? MASKED_PATHS,
    ReadonlyPaths: given.ReadonlyPaths ?? READONLY_PATHS,
  };
}

function defaultSwap(host: HostConfig): HostConfig {
  const { Memory = 0, MemorySwap = 0 } = host;
  return Memory > 0 && MemorySwap === 0 ? { ...host, MemorySwap: Memory * 2 } : host;
}

function invalid(message: string): EngineError {
  return new EngineError("invalid", message);
}
