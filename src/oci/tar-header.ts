/** The 512-byte headers of tar: POSIX ustar, old v7, GNU's extensions of numbers (tar(5)). */
import { EngineError } from "../base/errors.ts";

export const TAR_BLOCK = 512;

export interface TarHeader {
  readonly name: string;
  readonly linkName: string;
  readonly size: number;
  readonly mode: number;
  /** One character: `0` file, `1` hard link, `2` symlink, `5` directory, `x`, `g`, `L`, `K` extensions. */
  readonly type: string;
}

const decoder = new TextDecoder("utf-8");
const malformed = () => new EngineError("invalid", "archive/tar: invalid tar header");

export function isZeroBlock(block: Uint8Array): boolean {
  return block.every((byte) => byte === 0);
}

/** Throws invalid "archive/tar: invalid tar header" for a wrong checksum or a number that is none. */
export function parseTarHeader(block: Uint8Array): TarHeader {
  if (!checksumFits(block)) throw malformed();
  const magic = decoder.decode(block.subarray(257, 263));
  const prefix = magic === "ustar\0" ? textOf(block.subarray(345, 500)) : "";
  const name = textOf(block.subarray(0, 100));
  const type = String.fromCharCode(block[156] ?? 0);
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    linkName: textOf(block.subarray(157, 257)),
    size: numberOf(block.subarray(124, 136)),
    mode: numberOf(block.subarray(100, 108)),
    type: type === "\0" ? "0" : type,
  };
}

/** The sum of all bytes, its own field counted as spaces; some old programs summed signed bytes. */
function checksumFits(block: Uint8Array): boolean {
  const stored = /^[ \0]*([0-7]+)[ \0]*/.exec(decoder.decode(block.subarray(148, 156)));
  if (stored === null) return false;
  let unsigned = 0;
  let signed = 0;
  for (const [index, byte] of block.entries()) {
    const value = index >= 148 && index < 156 ? 0x20 : byte;
    unsigned += value;
    signed += value > 127 ? value - 256 : value;
  }
  const sum = Number.parseInt(stored[1] ?? "", 8);
  return sum === unsigned || sum === signed;
}

function textOf(field: Uint8Array): string {
  const end = field.indexOf(0);
  return decoder.decode(end < 0 ? field : field.subarray(0, end));
}

/** Octal text, or with the top bit set GNU's big-endian binary. Negative numbers have no use here and are refused. */
function numberOf(field: Uint8Array): number {
  if (((field[0] ?? 0) & 0x80) !== 0) {
    let value = (field[0] ?? 0) & 0x7f;
    for (const byte of field.subarray(1)) {
      value = value * 256 + byte;
      if (value > Number.MAX_SAFE_INTEGER) throw malformed();
    }
    return value;
  }
  const text = textOf(field).trim();
  if (text === "") return 0;
  if (!/^[0-7]+$/.test(text)) throw malformed();
  return Number.parseInt(text, 8);
}
