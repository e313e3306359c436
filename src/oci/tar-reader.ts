/**
 * Reads a tar as it arrives, one entry at a time: for archives of images, whose entries are only ever looked up by name.
 * (The layers inside are unpacked by the kernel-side unpacker, not here.) Understands ustar, v7, GNU long names and pax.
 */
import { EngineError } from "../base/errors.ts";
import { ByteSource } from "./byte-source.ts";
import { isZeroBlock, parseTarHeader, TAR_BLOCK, type TarHeader } from "./tar-header.ts";

export interface TarEntry {
  readonly name: string;
  readonly type: "file" | "directory" | "symlink" | "hardlink" | "other";
  readonly size: number;
  readonly linkName: string;
  /** The file's bytes. Read at once or not at all: going on to the next entry skips what is left. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface TarLimits {
  readonly maxEntries: number;
  /** Of one entry. */
  readonly maxEntryBytes: number;
}

const MAX_EXTENSION_BYTES = 1 << 20;
const MAX_NAME_LENGTH = 4096;
const PIECE = 1 << 20;

const invalid = (message: string) => new EngineError("invalid", message);

/** What pax or GNU headers say about the next real entry. */
interface Overrides {
  name?: string;
  linkName?: string;
  size?: number;
}

/**
 * The archive's entries in their order. The stream is read to its end, also past the end mark.
 * Throws invalid: "archive/tar: invalid tar header", "unexpected EOF", or what limit was passed.
 */
export async function* readTar(
  stream: AsyncIterable<Uint8Array>,
  limits: TarLimits,
): AsyncGenerator<TarEntry, void, undefined> {
  const source = new ByteSource(stream);
  let finished = false;
  try {
    let entries = 0;
    for (;;) {
      const next = await nextEntry(source, limits);
      if (next === undefined) break;
      entries += 1;
      if (entries > limits.maxEntries)
        throw invalid(`the archive has more than ${limits.maxEntries} entries`);
      const body = new EntryBody(source, next.size);
      yield { ...next, body };
      await body.finish();
    }
    await source.drain();
    finished = true;
  } finally {
    if (!finished) await source.cancel();
  }
}

async function nextEntry(source: ByteSource, limits: TarLimits): Promise<Omit<TarEntry, "body"> | undefined> {
  const overrides: Overrides = {};
  // Two long names and two pax headers before one entry are the most that any program writes.
  for (let extensions = 0; extensions <= 4; extensions++) {
    const block = await source.exactly(TAR_BLOCK);
    if (block === undefined || isZeroBlock(block)) {
      if (extensions > 0) throw invalid("unexpected EOF");
      return undefined;
    }
    const header = parseTarHeader(block);
    if (!"xgLK".includes(header.type)) return resolve(header, overrides, limits);
    await readExtension(source, header, overrides);
  }
  throw invalid("archive/tar: invalid tar header");
}

async function readExtension(source: ByteSource, header: TarHeader, overrides: Overrides): Promise<void> {
  if (header.size > MAX_EXTENSION_BYTES) throw invalid("archive/tar: header field too long");
  const bytes = await source.exactly(header.size);
  if (bytes === undefined && header.size > 0) throw invalid("unexpected EOF");
  await source.skip(paddingAfter(header.size));
  const data = bytes ?? new Uint8Array(0);
  if (header.type === "L") overrides.name = cString(data);
  else if (header.type === "K") overrides.linkName = cString(data);
  else if (header.type === "x") applyPax(data, overrides);
}

function cString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** pax(1): records of `<length> <key>=<value>\n`, the length counting all of the record in bytes. */
function applyPax(data: Uint8Array, overrides: Overrides): void {
  const decoder = new TextDecoder();
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at);
    const digits = space < 0 ? "" : decoder.decode(data.subarray(at, space));
    const length = /^[0-9]{1,7}$/.test(digits) ? Number(digits) : 0;
    const record = data.subarray(space + 1, at + length);
    const equals = record.indexOf(0x3d);
    if (at + length > data.length || equals < 1 || record.at(-1) !== 0x0a) {
      throw invalid("archive/tar: invalid tar header");
    }
    const key = decoder.decode(record.subarray(0, equals));
    const value = decoder.decode(record.subarray(equals + 1, -1));
    if (key === "path") overrides.name = value;
    else if (key === "linkpath") overrides.linkName = value;
    else if (key === "size") overrides.size = paxSize(value);
    else if (key.startsWith("GNU.sparse."))
      throw invalid("sparse files in an image archive are not supported");
    at += length;
  }
}

function paxSize(value: string): number {
  const size = /^[0-9]{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(size)) throw invalid("archive/tar: invalid tar header");
  return size;
}

const TYPES: Readonly<Record<string, TarEntry["type"]>> = {
  "0": "file",
  "7": "file",
  "1": "hardlink",
  "2": "symlink",
  "5": "directory",
};

function resolve(header: TarHeader, overrides: Overrides, limits: TarLimits): Omit<TarEntry, "body"> {
  const name = overrides.name ?? header.name;
  const linkName = overrides.linkName ?? header.linkName;
  if (name.length > MAX_NAME_LENGTH || linkName.length > MAX_NAME_LENGTH || /\0/.test(name + linkName)) {
    throw invalid("archive/tar: invalid tar header");
  }
  if (header.type === "S") throw invalid("sparse files in an image archive are not supported");
  // A v7 directory is a file whose name ends in a slash.
  const type = header.type === "0" && name.endsWith("/") ? "directory" : (TYPES[header.type] ?? "other");
  const size = type === "file" || type === "other" ? (overrides.size ?? header.size) : 0;
  if (size > limits.maxEntryBytes) {
    throw invalid(`${name}: ${size} bytes are more than the ${limits.maxEntryBytes} allowed`);
  }
  return { name, linkName, type, size };
}

function paddingAfter(size: number): number {
  return (TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK;
}

/** One entry's bytes on the shared source. */
class EntryBody implements AsyncIterable<Uint8Array> {
  private left: number;
  private done = false;

  constructor(
    private readonly source: ByteSource,
    private readonly size: number,
  ) {
    this.left = size;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    while (this.left > 0 && !this.done) {
      const piece = await this.source.take(Math.min(this.left, PIECE));
      if (piece === undefined) throw invalid("unexpected EOF");
      this.left -= piece.length;
      yield piece;
    }
  }

  async finish(): Promise<void> {
    this.done = true;
    await this.source.skip(this.left);
    this.left = 0;
    await this.source.skip(paddingAfter(this.size));
  }
}
