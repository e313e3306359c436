import type { MachineFacts, SpecInput } from "../container-runtime.ts";

/** Files that tell about, or act on, the whole machine. The latter two: side channels of power and interrupts. */
const MASKED: readonly string[] = [
  ...["acpi", "asound", "interrupts", "kcore", "keys", "latency_stats"].map((name) => `/proc/${name}`),
  ...["sched_debug", "scsi", "timer_list", "timer_stats"].map((name) => `/proc/${name}`),
  ...["/sys/devices/virtual/powercap", "/sys/firmware"],
];
const READONLY: readonly string[] = ["bus", "fs", "irq", "sys", "sysrq-trigger"].map(
  (name) => `/proc/${name}`,
);

/** Docker's lists. A list in the request stands for itself, also an empty one (`systempaths=unconfined`). */
export function restrictedPaths(
  { hostConfig }: SpecInput,
  machine: MachineFacts,
): { maskedPaths: string[]; readonlyPaths: string[] } {
  const privileged = hostConfig.Privileged === true;
  const masked = privileged ? [] : [...MASKED, ...(machine.thermalThrottlePaths ?? [])];
  return {
    maskedPaths: [...(hostConfig.MaskedPaths ?? masked)],
    readonlyPaths: [...(hostConfig.ReadonlyPaths ?? (privileged ? [] : READONLY))],
  };
}
