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
    archive.set(header(file), at);
    archive.set(file.data, at + TAR_BLOCK);
    at += TAR_BLOCK + roundUp(file.data.length);
  }
  return archive;
}

function roundUp(size: number): number {
  return Math.ceil(size / TAR_BLOCK) * TAR_BLOCK;
}

function header(file: TarFile): Uint8Array {
  const block = new Uint8Array(TAR_BLOCK);
  const name = encoder.encode(file.name);
  if (name.length === 0 || name.length > 100) throw new BugError(`tar name ${file.name} does not fit`);
  const put = (text: string, offset: number) => block.set(encoder.encode(text), offset);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  block.set(name, 0);
  put(octal(file.mode, 7), 100);
  put(octal(0, 7), 108);
  put(octal(0, 7), 116);
  put(octal(file.data.length, 11), 124);
  put(octal(0, 11), 136);
  put("        ", 148);
  put(file.name.endsWith("/") ? "5" : "0", 156);
  put("ustar\u000000", 257);
  put("root", 265);
  put("root", 297);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${octal(sum, 6)}\0 `, 148);
  return block;
}
