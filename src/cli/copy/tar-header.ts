/** Headers of tar entries with all that a copy keeps: pax(1) for what does not fit the fields of ustar. */
import type { ByteText } from "./byte-text.ts";
import { toBuffer } from "./byte-text.ts";

export const BLOCK = 512;

export type EntryType = "file" | "hardlink" | "symlink" | "character" | "block" | "directory" | "fifo";

export const TYPE_FLAGS: Readonly<Record<EntryType, string>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};

export interface TarMember {
  /** A directory's ends in a slash. */
  readonly name: ByteText;
  readonly type: EntryType;
  /** Bytes that follow; 0 but for files. */
  readonly size: number;
  /** Permissions with set-id and sticky bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since 1970. */
  readonly mtimeNs: bigint;
  /** Target of a link. */
  readonly linkName: ByteText;
  readonly major: number;
  readonly minor: number;
  /** By name, `security.capability`. */
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

const XATTR_PREFIX = "SCHILY.xattr.";
/** The largest number that a field of so many octal digits holds. */
const fits = (value: number, digits: number) => value >= 0 && value < 8 ** digits;

/** The header blocks of an entry, its pax records before it where it needs any. */
export function tarHeader(member: TarMember): Buffer {
  const records = paxRecords(member);
  const main = ustarHeader(member, member.name, TYPE_FLAGS[member.type], member.size);
  if (records.length === 0) return main;
  const data = Buffer.concat(records);
  const padded = Buffer.alloc(Math.ceil(data.length / BLOCK) * BLOCK);
  data.copy(padded);
  const extension = { ...member, linkName: "" as ByteText, mode: 0o644, uid: 0, gid: 0, mtimeNs: 0n };
  return Buffer.concat([ustarHeader(extension, "PaxHeaders/entry", "x", data.length), padded, main]);
}

function paxRecords({ gid, linkName, mtimeNs, name, size, uid, xattrs }: TarMember): Buffer[] {
  const records: Buffer[] = [];
  const add = (key: string, value: string | Uint8Array) => records.push(paxRecord(key, value));
  if (name.length > 100) add("path", toBuffer(name));
  if (linkName.length > 100) add("linkpath", toBuffer(linkName));
  if (!fits(size, 11)) add("size", String(size));
  if (!fits(uid, 7)) add("uid", String(uid));
  if (!fits(gid, 7)) add("gid", String(gid));
  if (mtimeNs % 1_000_000_000n !== 0n || mtimeNs < 0n) add("mtime", secondsText(mtimeNs));
  for (const [key, value] of xattrs) add(XATTR_PREFIX + key, value);
  return records;
}

/** `1763714460.595`, also before 1970. */
function secondsText(nanoseconds: bigint): string {
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  const fraction = String(size % 1_000_000_000n)
    .padStart(9, "0")
    .replace(/0+$/, "");
  const whole = `${nanoseconds < 0n ? "-" : ""}${size / 1_000_000_000n}`;
  return fraction === "" ? whole : `${whole}.${fraction}`;
}

/** `<length> <key>=<value>\n`, the length counting its own digits. */
function paxRecord(key: string, value: string | Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")]);
  let length = body.length + 1;
  while (String(length).length + body.length !== length) length = String(length).length + body.length;
  return Buffer.concat([Buffer.from(String(length)), body]);
}

type Fields = Pick<TarMember, "gid" | "linkName" | "major" | "minor" | "mode" | "mtimeNs" | "uid">;

function ustarHeader(fields: Fields, name: string, flag: string, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number) =>
    (fits(value, digits) ? value : 0).toString(8).padStart(digits, "0");
  block.write(name.slice(0, 100), 0, "latin1");
  block.write(octal(fields.mode, 7), 100);
  block.write(octal(fields.uid, 7), 108);
  block.write(octal(fields.gid, 7), 116);
  block.write(octal(size, 11), 124);
  block.write(octal(Number(fields.mtimeNs / 1_000_000_000n), 11), 136);
  block.write("        ", 148);
  block.write(flag, 156);
  block.write(fields.linkName.slice(0, 100), 157, "latin1");
  block.write("ustar\u000000", 257, "latin1");
  block.write(octal(fields.major, 7), 329);
  block.write(octal(fields.minor, 7), 337);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, 148, "latin1");
  return block;
}

/** What a pax header may say of the entry after it. */
export interface PaxFields {
  path?: ByteText;
  linkpath?: ByteText;
  size?: number;
  uid?: number;
  gid?: number;
  mtimeNs?: bigint;
  xattrs?: Map<string, Uint8Array>;
}

/** Adds what a pax header's records say. Throws RangeError for one that is none. */
export function readPaxRecords(data: Buffer, fields: PaxFields): void {
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at);
    const digits = space < 0 ? "" : data.toString("latin1", at, space);
    const length = /^[0-9]{1,7}$/.test(digits) ? Number(digits) : 0;
    const equals = data.indexOf(0x3d, space);
    const end = at + length;
    if (length === 0 || end > data.length || equals < 0 || equals >= end || data[end - 1] !== 0x0a) {
      throw new RangeError("a pax header is malformed");
    }
    applyRecord(data.toString("latin1", space + 1, equals), data.subarray(equals + 1, end - 1), fields);
    at = end;
  }
}

function applyRecord(key: string, value: Buffer, fields: PaxFields): void {
  const text = value.toString("latin1");
  if (key === "path") fields.path = text as ByteText;
  else if (key === "linkpath") fields.linkpath = text as ByteText;
  else if (key === "size" || key === "uid" || key === "gid") fields[key] = wholeNumber(text);
  else if (key === "mtime") fields.mtimeNs = nanosecondsOf(text);
  else if (key.startsWith(XATTR_PREFIX)) {
    fields.xattrs ??= new Map();
    fields.xattrs.set(key.slice(XATTR_PREFIX.length), Buffer.from(value));
  } else if (key.startsWith("GNU.sparse.")) throw new RangeError("sparse entries are not supported");
}

function wholeNumber(text: string): number {
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new RangeError("a pax header is malformed");
  return value;
}

function nanosecondsOf(text: string): bigint {
  const match = /^(-?)([0-9]{1,12})(?:\.([0-9]*))?$/.exec(text);
  if (match === null) throw new RangeError("a pax header is malformed");
  const [, sign, whole = "0", fraction = ""] = match;
  const size = BigInt(whole) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
  return sign === "-" ? -size : size;
}
