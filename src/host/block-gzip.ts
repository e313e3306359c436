/**
 * gzip by several threads: the input is cut in blocks, each deflated on its own in the thread pool, and the pieces are
 * joined to one member (RFC 1952). The same input gives the same bytes as long as the compressor is the same.
 */
import { constants, crc32, deflateRaw } from "node:zlib";

/** Smaller blocks compress worse, since none sees another's text; larger ones cost memory for each thread. */
const BLOCK_BYTES = 1 << 20;
/** Level 6 makes 4 % less of a system image and takes three times as long. */
const LEVEL = 2;
/** Blocks of one stream under way. The pool has a thread for each CPU; one block more keeps them busy. */
const MAX_BLOCKS = 3;
/** Deflate, no name, no time, written on an unknown system. */
const HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);
/** A last block of no bytes (RFC 1951, 3.2.6): each of the others says that more will come. */
const LAST_BLOCK = Uint8Array.of(3, 0);

/** Names what decides the bytes that come out: remembered digests hold for this compressor only. */
export const BLOCK_GZIP_ENCODER = `gzip:${LEVEL}:${BLOCK_BYTES}:${process.versions.zlib ?? "unknown"}`;

/** Ending the iteration early ends `source` too. */
export async function* gzipBlocks(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const pieces: Piece[] = [];
  // Megabytes that come and go are collected late: the same few are used again and again.
  const spare: Uint8Array<ArrayBuffer>[] = [];
  let checksum = 0;
  let sizeBytes = 0;
  const finish = async ({ buffer, deflated }: Piece) => {
    const bytes = await deflated;
    spare.push(buffer);
    return bytes;
  };
  yield HEADER;
  try {
    for await (const { buffer, length } of blocksOf(source, spare)) {
      const block = buffer.subarray(0, length);
      checksum = crc32(block, checksum);
      sizeBytes += length;
      pieces.push({ buffer, deflated: deflateBlock(block) });
      const first = pieces.length < MAX_BLOCKS ? undefined : pieces.shift();
      if (first !== undefined) yield await finish(first);
    }
    for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) yield await finish(piece);
  } finally {
    // A reader that leaves is not told of what happens to the blocks it did not wait for.
    await Promise.allSettled(pieces.map(({ deflated }) => deflated));
  }
  yield LAST_BLOCK;
  yield trailer(checksum, sizeBytes);
}

interface Piece {
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly deflated: Promise<Uint8Array>;
}

async function* blocksOf(
  source: AsyncIterable<Uint8Array>,
  spare: Uint8Array<ArrayBuffer>[],
): AsyncGenerator<{ buffer: Uint8Array<ArrayBuffer>; length: number }, void, undefined> {
  const take = () => spare.pop() ?? new Uint8Array(BLOCK_BYTES);
  let buffer = take();
  let length = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const taken = chunk.subarray(at, at + BLOCK_BYTES - length);
      buffer.set(taken, length);
      length += taken.length;
      at += taken.length;
      if (length < BLOCK_BYTES) continue;
      yield { buffer, length };
      buffer = take();
      length = 0;
    }
  }
  if (length > 0) yield { buffer, length };
}

/** Ends on a byte's border (Z_SYNC_FLUSH), and not with a last block. */
function deflateBlock(block: Uint8Array): Promise<Uint8Array> {
  const options = { level: LEVEL, finishFlush: constants.Z_SYNC_FLUSH };
  return new Promise((resolve, reject) =>
    deflateRaw(block, options, (error, piece) => (error === null ? resolve(piece) : reject(error))),
  );
}

/** CRC and size modulo 2^32, little-endian. */
function trailer(checksum: number, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, checksum, true);
  view.setUint32(4, sizeBytes % 2 ** 32, true);
  return bytes;
}
