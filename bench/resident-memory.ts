import { readFileSync, writeFileSync } from "node:fs";

/** Resident memory of a process, MiB. */
export function residentMegabytes(pid: number): number {
  return statusMegabytes(pid, "VmRSS");
}

/** The most since `forgetPeak`, MiB. */
export function peakMegabytes(pid: number): number {
  return statusMegabytes(pid, "VmHWM");
}

/** proc_pid_clear_refs(5): 5 sets the peak to what is resident now. */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

function statusMegabytes(pid: number, key: string): number {
  const line = new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1] ?? "0") / 1024;
}
