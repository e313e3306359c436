/** What `docker info` tells of the machine that is no limit: read anew each time, since names and file systems change. */
import { readdir, readFile, statfs } from "node:fs/promises";
import { hostname, release } from "node:os";
import { join } from "node:path";

export interface HostDescription {
  readonly name: string;
  readonly kernelVersion: string;
  readonly operatingSystem: string;
  readonly osVersion: string;
  readonly memoryBytes: number;
  readonly ipv4Forwarding: boolean;
  readonly openFiles: number;
  /** Of the data root: `extfs`, `xfs`; a number in hex for one without a name here. */
  readonly backingFilesystem: string;
}

/** `root`: where `etc` and `proc` are, `/` but in tests. What cannot be read is empty or 0: info is asked for to find faults. */
export async function describeHost(dataRoot: string, root = "/"): Promise<HostDescription> {
  const read = (path: string) => readFile(join(root, path), "utf8").catch(() => "");
  const values = osRelease((await read("etc/os-release")) || (await read("usr/lib/os-release")));
  return {
    name: hostname(),
    kernelVersion: release(),
    operatingSystem: values.get("PRETTY_NAME") ?? values.get("NAME") ?? "Linux",
    osVersion: values.get("VERSION_ID") ?? "",
    memoryBytes: Number(/^MemTotal:\s+(\d+) kB$/m.exec(await read("proc/meminfo"))?.[1] ?? 0) * 1024,
    ipv4Forwarding: (await read("proc/sys/net/ipv4/ip_forward")).trim() === "1",
    openFiles: (await readdir(join(root, "proc/self/fd")).catch(() => [])).length,
    backingFilesystem: await filesystemOf(dataRoot),
  };
}

/** os-release(5): shell assignments; quotes are taken off, and a backslash before what it protects. */
export function osRelease(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^([A-Z][A-Z0-9_]*)=(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S*))\s*$/.exec(line.trim());
    if (match === null) continue;
    const [, key = "", double, single, bare] = match;
    values.set(key, double?.replace(/\\(["\\$`])/g, "$1") ?? single ?? bare ?? "");
  }
  return values;
}

/** statfs(2)'s f_type, with the names that Docker prints. */
const FILESYSTEMS: ReadonlyMap<number, string> = new Map([
  [0xef53, "extfs"],
  [0x58465342, "xfs"],
  [0x9123683e, "btrfs"],
  [0x01021994, "tmpfs"],
  [0x794c7630, "overlayfs"],
  [0x2fc12fc1, "zfs"],
  [0xf2f52010, "f2fs"],
  [0x6969, "nfs"],
  [0x65735546, "fuse"],
]);

async function filesystemOf(path: string): Promise<string> {
  const type = await statfs(path).then(
    // The kernel's word is signed on some architectures.
    (stats) => Number(stats.type) >>> 0,
    () => undefined,
  );
  return type === undefined ? "<unknown>" : (FILESYSTEMS.get(type) ?? `0x${type.toString(16)}`);
}
