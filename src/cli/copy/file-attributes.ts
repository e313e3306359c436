/** Calls of the C library that the runtime has no name for: extended attributes, special files, times to the nanosecond. */
import { dlopen, ptr, read } from "bun:ffi";
import { EngineError } from "../../base/errors.ts";
import { toBuffer, toText } from "./byte-text.ts";

const { symbols: libc } = dlopen("libc.so.6", {
  __errno_location: { args: [], returns: "ptr" },
  lgetxattr: { args: ["ptr", "ptr", "ptr", "u64"], returns: "i64" },
  lsetxattr: { args: ["ptr", "ptr", "ptr", "u64", "int"], returns: "int" },
  syscall: { args: ["i64", "i64", "ptr", "u32", "u64"], returns: "i64" },
  utimensat: { args: ["int", "ptr", "ptr", "int"], returns: "int" },
});

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
/** C libraries before glibc 2.33 have mknodat(2) under another name. */
const SYS_MKNODAT = process.arch === "arm64" ? 33 : 259;
const S_IFIFO = 0o010000;
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;
const EPERM = 1;
const ENOTSUP = 95;
/** Of a file capability: 24 bytes today (capabilities(7)). */
const CAPABILITY_LIMIT_BYTES = 64;

const cString = (text: string) => Buffer.concat([toBuffer(text), Buffer.alloc(1)]);

function errno(): number {
  const place = libc.__errno_location();
  return place === null ? 0 : read.i32(place, 0);
}

function failure(what: string, path: string, code: number): EngineError {
  return new EngineError("internal", `${what} ${toText(path)}: errno ${code}`);
}

/** The capabilities of a program's file; undefined for none. Nothing is followed. */
export function fileCapability(path: string): Uint8Array | undefined {
  const value = Buffer.alloc(CAPABILITY_LIMIT_BYTES);
  const size = Number(
    libc.lgetxattr(ptr(cString(path)), ptr(cString("security.capability")), ptr(value), value.length),
  );
  return size > 0 ? value.subarray(0, size) : undefined;
}

/** Where the file system has no such attributes, or the caller may not set them, the file goes without. */
export function setAttribute(path: string, name: string, value: Uint8Array): void {
  const bytes = value.length === 0 ? Buffer.alloc(1) : value;
  if (libc.lsetxattr(ptr(cString(path)), ptr(cString(name)), ptr(bytes), value.length, 0) === 0) return;
  const code = errno();
  if (code !== EPERM && code !== ENOTSUP) throw failure(`setting ${name} of`, path, code);
}

/** Makes a pipe or a device node, for its owner alone. Throws internal: a device needs root. */
export function makeSpecial(
  path: string,
  type: "fifo" | "character" | "block",
  major: number,
  minor: number,
): void {
  const mode = { fifo: S_IFIFO, character: S_IFCHR, block: S_IFBLK }[type] | 0o600;
  // glibc's makedev(3).
  const device =
    (BigInt(major & ~0xfff) << 32n) |
    (BigInt(major & 0xfff) << 8n) |
    (BigInt(minor & ~0xff) << 12n) |
    BigInt(minor & 0xff);
  if (Number(libc.syscall(SYS_MKNODAT, AT_FDCWD, ptr(cString(path)), mode, device)) !== 0)
    throw failure("mknod", path, errno());
}

/** Of a link itself, too. */
export function setTimes(path: string, mtimeNs: bigint): void {
  let seconds = mtimeNs / 1_000_000_000n;
  let rest = mtimeNs % 1_000_000_000n;
  if (rest < 0n) {
    seconds -= 1n;
    rest += 1_000_000_000n;
  }
  const times = new BigInt64Array([seconds, rest, seconds, rest]);
  if (libc.utimensat(AT_FDCWD, ptr(cString(path)), ptr(times), AT_SYMLINK_NOFOLLOW) !== 0) {
    throw failure("setting the times of", path, errno());
  }
}

/** glibc's major(3) and minor(3) of a st_rdev. */
export function deviceNumbers(device: bigint): readonly [major: number, minor: number] {
  return [
    Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn)),
    Number((device & 0xffn) | ((device >> 12n) & ~0xffn)),
  ];
}
