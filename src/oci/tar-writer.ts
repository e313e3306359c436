import { BugError } from "../base/errors.ts";
import { TAR_BLOCK } from "./tar-header.ts";

export interface TarFile {
  /** At most 100 bytes, relative; a directory ends in a slash. */
  readonly name: string;
  readonly data: Uint8Array;
  readonly mode: number;
}

const encoder = new TextEncoder();

/**
 * A ustar archive in memory: the same input gives the same bytes, whoever runs it and whenever (owner root, time 0).
 * For archives of our own making; throws BugError for a name that does not fit.
 */
export function writeTar(files: readonly TarFile[]): Uint8Array {
  const total = files.reduce((sum, file) => sum + TAR_BLOCK + roundUp(file.data.length), 2 * TAR_BLOCK);
  const archive = new Uint8Array(total);
  let at = 0;
  for (const file of files) {
    archive.set(tarHeader(file.name, file.mode, file.data.length), at);
    archive.set(file.data, at + TAR_BLOCK);
    at += TAR_BLOCK + roundUp(file.data.length);
  }
  return archive;
}

function roundUp(size: number): number {
  return Math.ceil(size / TAR_BLOCK) * TAR_BLOCK;
}

/** Largest size that eleven octal digits hold; beyond it GNU's binary numbers begin. */
const MAX_OCTAL_SIZE = 8 ** 11 - 1;

/** The header of one member, as writeTar makes it, for archives that are written as they are sent. */
export function tarHeader(name: string, mode: number, sizeBytes: number): Uint8Array {
  const block = new Uint8Array(TAR_BLOCK);
  const nameBytes = encoder.encode(name);
  if (nameBytes.length === 0 || nameBytes.length > 100) throw new BugError(`tar name ${name} does not fit`);
  const put = (text: string, offset: number) => block.set(encoder.encode(text), offset);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  block.set(nameBytes, 0);
  put(octal(mode, 7), 100);
  put(octal(0, 7), 108);
  put(octal(0, 7), 116);
  if (sizeBytes <= MAX_OCTAL_SIZE) put(octal(sizeBytes, 11), 124);
  else block.set(binarySize(sizeBytes), 124);
  put(octal(0, 11), 136);
  put("        ", 148);
  put(name.endsWith("/") ? "5" : "0", 156);
  put("ustar\u000000", 257);
  put("root", 265);
  put("root", 297);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${octal(sum, 6)}\0 `, 148);
  return block;
}

/** Big-endian, the top bit set (tar(5), "GNU tar archives"). */
function binarySize(sizeBytes: number): Uint8Array {
  const field = new Uint8Array(12);
  new DataView(field.buffer).setBigUint64(4, BigInt(sizeBytes));
  field[0] = 0x80;
  return field;
}

/** What follows a member's data. */
export function tarPadding(sizeBytes: number): Uint8Array {
  return new Uint8Array(roundUp(sizeBytes) - sizeBytes);
}

/** The end of an archive. */
export function tarEnd(): Uint8Array {
  return new Uint8Array(2 * TAR_BLOCK);
}
