/** The entries of a tar stream with all that a copy keeps of them. Understands v7, ustar, GNU's long names and pax. */
import { EngineError } from "../../base/errors.ts";
import { ByteSource } from "../../oci/byte-source.ts";
import type { ByteText } from "./byte-text.ts";
import { fromBuffer } from "./byte-text.ts";
import {
  BLOCK,
  type EntryType,
  type PaxFields,
  readPaxRecords,
  type TarMember,
  TYPE_FLAGS,
} from "./tar-header.ts";

export interface IncomingMember extends TarMember {
  /** A file's bytes; what of them is not read is skipped. */
  readonly body: AsyncIterable<Uint8Array>;
}

const MAX_EXTENSION_BYTES = 1 << 20;
const PIECE_BYTES = 1 << 20;

const malformed = (message: string) => new EngineError("invalid", `archive/tar: ${message}`);

/** In their order. Throws invalid for a stream that is no tar, or ends before its time. */
export async function* readMembers(stream: AsyncIterable<Uint8Array>): AsyncGenerator<IncomingMember> {
  const source = new ByteSource(stream);
  try {
    for (let member = await nextMember(source); member !== undefined; member = await nextMember(source)) {
      let left = member.size;
      const body = async function* (): AsyncGenerator<Uint8Array> {
        while (left > 0) {
          const piece = await source.take(Math.min(left, PIECE_BYTES));
          if (piece === undefined) throw malformed("unexpected EOF");
          left -= piece.length;
          yield piece;
        }
      };
      yield { ...member, body: body() };
      await source.skip(left + padding(member.size));
    }
    await source.drain();
  } finally {
    await source.cancel();
  }
}

const padding = (size: number) => (BLOCK - (size % BLOCK)) % BLOCK;

async function nextMember(source: ByteSource): Promise<TarMember | undefined> {
  const fields: PaxFields = {};
  for (;;) {
    const bytes = await source.exactly(BLOCK);
    if (bytes === undefined || bytes.every((byte) => byte === 0)) return undefined;
    const block = Buffer.from(bytes);
    if (!checksumFits(block)) throw malformed("invalid tar header");
    const flag = String.fromCharCode(block[156] ?? 0);
    if (!"xgLK".includes(flag)) return memberOf(block, flag, fields);
    const size = numberOf(block, 124, 12);
    if (size > MAX_EXTENSION_BYTES) throw malformed("header field too long");
    const data = Buffer.from((await source.exactly(size)) ?? []);
    await source.skip(padding(size));
    if (flag === "L") fields.path = textOf(data, 0, data.length);
    else if (flag === "K") fields.linkpath = textOf(data, 0, data.length);
    else if (flag === "x") readRecords(data, fields);
  }
}

function readRecords(data: Buffer, fields: PaxFields): void {
  try {
    readPaxRecords(data, fields);
  } catch (error) {
    throw malformed((error as Error).message);
  }
}

const TYPES: ReadonlyMap<string, EntryType> = new Map([
  ...Object.entries(TYPE_FLAGS).map(([type, flag]) => [flag, type as EntryType] as const),
  ["\0", "file"],
  ["7", "file"],
]);

function memberOf(block: Buffer, flag: string, fields: PaxFields): TarMember {
  const name = fields.path ?? nameOf(block);
  const found = TYPES.get(flag);
  if (found === undefined) throw malformed(`entries of type ${JSON.stringify(flag)} are not supported`);
  // A v7 directory is a file whose name ends in a slash.
  const type = found === "file" && name.endsWith("/") ? "directory" : found;
  return {
    name,
    type,
    size: type === "file" ? (fields.size ?? numberOf(block, 124, 12)) : 0,
    mode: numberOf(block, 100, 8) & 0o7777,
    uid: fields.uid ?? numberOf(block, 108, 8),
    gid: fields.gid ?? numberOf(block, 116, 8),
    mtimeNs: fields.mtimeNs ?? BigInt(numberOf(block, 136, 12)) * 1_000_000_000n,
    linkName: fields.linkpath ?? textOf(block, 157, 100),
    major: numberOf(block, 329, 8),
    minor: numberOf(block, 337, 8),
    xattrs: fields.xattrs ?? new Map(),
  };
}

function nameOf(block: Buffer): ByteText {
  const name = textOf(block, 0, 100);
  const isUstar = block.toString("latin1", 257, 263) === "ustar\0";
  const prefix = isUstar ? textOf(block, 345, 155) : "";
  return (prefix === "" ? name : `${prefix}/${name}`) as ByteText;
}

/** The sum of all bytes, its own field counted as spaces. */
function checksumFits(block: Buffer): boolean {
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  return sum === numberOf(block, 148, 8);
}

function textOf(block: Buffer, at: number, length: number): ByteText {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return fromBuffer(end < 0 ? field : field.subarray(0, end));
}

/** Octal text, or with the top bit set GNU's big-endian binary. */
function numberOf(block: Buffer, at: number, length: number): number {
  const field = block.subarray(at, at + length);
  const [first = 0, ...rest] = field;
  if ((first & 0x80) !== 0) {
    const value = rest.reduce((sum, byte) => sum * 256 + byte, first & 0x7f);
    if (!Number.isSafeInteger(value)) throw malformed("invalid tar header");
    return value;
  }
  const text = textOf(block, at, length).trim();
  if (text === "") return 0;
  if (!/^[0-7]+$/.test(text)) throw malformed("invalid tar header");
  return Number.parseInt(text, 8);
}
