/** Names what a create request asks for and this engine does not have yet: nothing is accepted and then ignored. */
import type { HostConfig } from "../../../api/container-config.ts";
import { EngineError } from "../../../base/errors.ts";

type Check = readonly [asked: (host: HostConfig) => boolean, sentence: string];

/** Anything but the zero value that Go clients send for every field. */
function filled(value: unknown): boolean {
  return typeof value === "object" && value !== null ? Object.keys(value).length > 0 : Boolean(value);
}

const CHECKS: readonly Check[] = [
  [
    ({ RestartPolicy }) => !["", "no"].includes(RestartPolicy?.Name ?? ""),
    "restart policies are not available yet: use --restart no",
  ],
  [({ Links }) => filled(Links), "links between containers are not available yet"],
  [({ VolumesFrom }) => filled(VolumesFrom), "taking volumes from other containers is not available yet"],
  [({ VolumeDriver }) => !["", "local"].includes(VolumeDriver ?? ""), "volume drivers are not available yet"],
  [
    ({ DeviceRequests }) => filled(DeviceRequests),
    "device requests (--gpus) are not available yet: name the device nodes with --device",
  ],
  [({ DeviceCgroupRules }) => filled(DeviceCgroupRules), "device cgroup rules are not available yet"],
  [
    (host) =>
      filled(host.BlkioWeight) ||
      filled(host.BlkioWeightDevice) ||
      filled(host.BlkioDeviceReadBps) ||
      filled(host.BlkioDeviceWriteBps) ||
      filled(host.BlkioDeviceReadIOps) ||
      filled(host.BlkioDeviceWriteIOps),
    "block I/O weights and limits are not available yet",
  ],
  [
    ({ CpuRealtimePeriod, CpuRealtimeRuntime }) => filled(CpuRealtimePeriod) || filled(CpuRealtimeRuntime),
    "real-time CPU limits are not available yet",
  ],
  [
    ({ KernelMemory, KernelMemoryTCP }) => filled(KernelMemory) || filled(KernelMemoryTCP),
    "kernel memory limits are not available: Linux 6 has removed them",
  ],
  [({ StorageOpt }) => filled(StorageOpt), "storage options (--storage-opt) are not available yet"],
  [({ Cgroup }) => filled(Cgroup), "joining another container's cgroup is not available yet"],
  [
    ({ CpuCount, CpuPercent }) => filled(CpuCount) || filled(CpuPercent),
    "CpuCount and CpuPercent are for Windows only: use NanoCpus (--cpus)",
  ],
];

/** Throws unimplemented with one sentence. */
export function refuseUnavailable(host: HostConfig): void {
  for (const [asked, sentence] of CHECKS) {
    if (asked(host)) throw new EngineError("unimplemented", sentence);
  }
}
