import type { HostConfig } from "../../api/container-config.ts";
import { EngineError } from "../../base/errors.ts";
import type { OciDeviceRule, OciResources } from "../../oci/runtime-config.ts";

/** Fields of the API that no code here carries out; zero, empty and absent ask for nothing. */
const MISSING: readonly (keyof HostConfig)[] = [
  ...(["BlkioWeight", "BlkioWeightDevice", "BlkioDeviceReadBps", "BlkioDeviceWriteBps"] as const),
  ...(["BlkioDeviceReadIOps", "BlkioDeviceWriteIOps"] as const),
  ...(["CpuRealtimePeriod", "CpuRealtimeRuntime", "KernelMemoryTCP"] as const),
];

function refuseMissing(hostConfig: HostConfig): void {
  for (const field of MISSING) {
    const value = hostConfig[field];
    const asksForNothing = value === undefined || value === null || value === 0;
    if (!asksForNothing && !(Array.isArray(value) && value.length === 0)) {
      throw new EngineError("unimplemented", `HostConfig.${field} is not implemented`);
    }
  }
  const requests = hostConfig.DeviceRequests ?? [];
  const first = requests[0] as { Driver?: string; Capabilities?: string[][] } | undefined;
  if (first !== undefined) {
    const wanted = (first.Capabilities ?? []).map((all) => `[${all.join(" ")}]`).join(" ");
    throw new EngineError(
      "invalid",
      `could not select device driver ${JSON.stringify(first.Driver ?? "")} with capabilities: [${wanted}]`,
    );
  }
}

/** Bytes. `swap` counts memory and swap together: Docker's 0 means twice the memory, -1 no limit. */
function memoryOf(hostConfig: HostConfig): OciResources["memory"] {
  const limit = hostConfig.Memory ?? 0;
  const asked = hostConfig.MemorySwap ?? 0;
  const swap = asked === 0 && limit > 0 ? limit * 2 : asked;
  const { MemoryReservation: reservation, MemorySwappiness: swappiness, OomKillDisable } = hostConfig;
  const memory = {
    ...(limit > 0 ? { limit } : {}),
    ...(reservation !== undefined && reservation > 0 ? { reservation } : {}),
    ...(swap === 0 ? {} : { swap }),
    ...(swappiness === undefined || swappiness === null || swappiness < 0 ? {} : { swappiness }),
    ...(OomKillDisable === true ? { disableOOMKiller: true } : {}),
  };
  return Object.keys(memory).length === 0 ? undefined : memory;
}

/** Microseconds: Docker's period for `--cpus`. */
const PERIOD_US = 100_000;

function cpuOf(hostConfig: HostConfig): OciResources["cpu"] {
  const { CpuShares, NanoCpus, CpuQuota, CpuPeriod, CpusetCpus, CpusetMems } = hostConfig;
  const nanos = NanoCpus ?? 0;
  const time =
    nanos > 0
      ? { quota: Math.round((nanos * PERIOD_US) / 1e9), period: PERIOD_US }
      : {
          ...(CpuQuota === undefined || CpuQuota === 0 ? {} : { quota: CpuQuota }),
          ...(CpuPeriod === undefined || CpuPeriod === 0 ? {} : { period: CpuPeriod }),
        };
  const cpu = {
    ...(CpuShares === undefined || CpuShares === 0 ? {} : { shares: CpuShares }),
    ...time,
    ...(CpusetCpus ? { cpus: CpusetCpus } : {}),
    ...(CpusetMems ? { mems: CpusetMems } : {}),
  };
  return Object.keys(cpu).length === 0 ? undefined : cpu;
}

/** The limits of the request; what it does not limit is absent. Throws unimplemented for limits that are missing here. */
export function resourcesOf(hostConfig: HostConfig, devices: OciDeviceRule[]): OciResources {
  refuseMissing(hostConfig);
  const memory = memoryOf(hostConfig);
  const cpu = cpuOf(hostConfig);
  const pids = hostConfig.PidsLimit ?? 0;
  return {
    devices,
    ...(memory === undefined ? {} : { memory }),
    ...(cpu === undefined ? {} : { cpu }),
    ...(pids > 0 ? { pids: { limit: pids } } : {}),
  };
}
