import { open } from "node:fs/promises";
import { pipeline, Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { EngineError } from "../base/errors.ts";
import { ZstdFrameTracker } from "./zstd-frames.ts";

export type Compression = "none" | "gzip" | "zstd" | "xz" | "bzip2";

const MAGIC: readonly (readonly [Compression, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ["bzip2", [0x42, 0x5a, 0x68]],
];
const LONGEST_MAGIC = 6;

/** Larger pieces mean fewer ways to the worker threads and back. */
const OUTPUT_CHUNK_BYTES = 128 << 10;

/** What the first bytes of a file say; six are enough for every format. */
export function detectCompression(start: Uint8Array): Compression {
  // zstd's skippable frames (RFC 8878, 3.1.2) may come first: 0x184D2A50 to 0x184D2A5F, little-endian.
  const [first = 0] = start;
  if ((first & 0xf0) === 0x50 && start[1] === 0x2a && start[2] === 0x4d && start[3] === 0x18) return "zstd";
  return MAGIC.find(([, magic]) => magic.every((byte, at) => start[at] === byte))?.[0] ?? "none";
}

/** What the first bytes of a file on the disk say. */
export async function compressionOfFile(path: string): Promise<Compression> {
  const file = await open(path, "r");
  try {
    const start = new Uint8Array(8);
    const { bytesRead } = await file.read(start, 0, start.length, 0);
    return detectCompression(start.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

/**
 * Passes a stream on, inflated when its first bytes say that it is compressed with gzip or zstd. The work is done by threads, not on
 * the event loop. A small input can become very large: the consumer must set a limit.
 * Throws invalid for a damaged stream, unimplemented for xz and bzip2.
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    const start = await readStart(iterator);
    const compression = detectCompression(Buffer.concat(start));
    const all = replay(start, iterator);
    if (compression === "none") yield* all;
    else yield* inflate(compression, all);
  } finally {
    await iterator.return?.();
  }
}

/** The stream's first chunks: with at least LONGEST_MAGIC bytes, if it has as many. */
async function readStart(iterator: AsyncIterator<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for (let length = 0; length < LONGEST_MAGIC; ) {
    const next = await iterator.next();
    if (next.done) break;
    chunks.push(next.value);
    length += next.value.length;
  }
  return chunks;
}

async function* replay(start: readonly Uint8Array[], iterator: AsyncIterator<Uint8Array>) {
  yield* start;
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
}

function createInflater(compression: Compression) {
  if (compression === "gzip") return createGunzip({ chunkSize: OUTPUT_CHUNK_BYTES });
  if (compression === "zstd") return createZstdDecompress({ chunkSize: OUTPUT_CHUNK_BYTES });
  throw new EngineError(
    "unimplemented",
    `archives compressed with ${compression} are not supported: use gzip, zstd or none`,
  );
}

async function* inflate(compression: Compression, source: AsyncGenerator<Uint8Array>) {
  const inflater = createInflater(compression);
  const input = new CompressedInput(source, compression);
  pipeline(Readable.from(input.chunks(), { objectMode: false }), inflater, () => undefined);
  try {
    yield* inflater;
    if (compression === "zstd" && !input.zstdFrames.isComplete) throw new Error("unexpected end of file");
  } catch (cause) {
    if (input.failure !== undefined) throw input.failure.error;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EngineError("invalid", `the ${compression} stream is damaged: ${reason}`, { cause });
  } finally {
    inflater.destroy();
  }
}

/**
 * What goes into the inflater. Tells the source's own errors, which must reach the caller as they are, from those of the inflater, which mean a damaged stream.
 * A try around the `yield` would not: streams throw the inflater's error into the generator that feeds it.
 */
class CompressedInput {
  failure: { readonly error: unknown } | undefined;
  readonly zstdFrames = new ZstdFrameTracker();

  constructor(
    private readonly source: AsyncGenerator<Uint8Array>,
    private readonly compression: Compression,
  ) {}

  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let next = await this.#next(); !next.done; next = await this.#next()) {
      if (this.compression === "zstd") this.zstdFrames.push(next.value);
      yield next.value;
    }
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    try {
      return await this.source.next();
    } catch (error) {
      this.failure = { error };
      throw error;
    }
  }
}
