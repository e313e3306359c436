import { formatRfc3339Nano } from "../../../api/rfc3339.ts";
import type { TreeEntry } from "../../../kernel/container-tree.ts";

/** `X-Docker-Container-Path-Stat`, before it becomes base64 of JSON. */
export interface PathStat {
  readonly name: string;
  readonly size: number;
  /** Go's os.FileMode: not the kernel's bits. */
  readonly mode: number;
  readonly mtime: string;
  readonly linkTarget: string;
}

/** stat(2)'s types and the bits of os.FileMode for them (Go, io/fs). */
const TYPES: ReadonlyMap<number, number> = new Map([
  [0o040000, 2 ** 31],
  [0o120000, 2 ** 27],
  [0o060000, 2 ** 26],
  [0o020000, 2 ** 26 + 2 ** 21],
  [0o010000, 2 ** 25],
  [0o140000, 2 ** 24],
]);

/** Positive, as Go's unsigned number is: the highest bit says directory. */
export function goFileMode(mode: number): number {
  const type = TYPES.get(mode & 0o170000) ?? 0;
  const setuid = (mode & 0o4000) === 0 ? 0 : 2 ** 23;
  const setgid = (mode & 0o2000) === 0 ? 0 : 2 ** 22;
  const sticky = (mode & 0o1000) === 0 ? 0 : 2 ** 20;
  return type + setuid + setgid + sticky + (mode & 0o777);
}

export function pathStat(name: string, entry: TreeEntry): PathStat {
  return {
    name,
    size: entry.sizeBytes,
    mode: goFileMode(entry.mode),
    mtime: timeText(entry.mtimeNs),
    linkTarget: entry.linkTarget,
  };
}

/** The last nanosecond that RFC 3339 has a name for. */
const LAST_NS = 253_402_300_800n * 1_000_000_000n - 1n;

/** A file's time may be anything; 0 is a moment here, not "never". */
function timeText(ns: bigint): string {
  if (ns <= 0n) return "1970-01-01T00:00:00Z";
  return formatRfc3339Nano(ns > LAST_NS ? LAST_NS : ns);
}
