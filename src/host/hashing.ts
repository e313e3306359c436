import { setImmediate } from "node:timers/promises";
import { BugError } from "../base/errors.ts";

/**
 * Hashing runs on the event loop: a chunk of 64 KiB takes 35 µs with the CPU's SHA instructions (1.8 GB/s) and 115 µs without,
 * less than handing it to a thread and back. What must not happen is a long row of chunks that are all there already:
 * after this many bytes everybody else gets a turn.
 */
const BYTES_PER_TURN = 4 << 20;
const BYTES_PER_UPDATE = 1 << 20;

/** 64 lower-case hex digits. For what is small enough to be in memory anyway. */
export function sha256(data: string | Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(data).digest("hex");
}

/** A hash that grows. For callers that give the event loop its turns themselves. */
export class StreamHasher {
  readonly #hasher = new Bun.CryptoHasher("sha256");

  update(bytes: Uint8Array): void {
    this.#hasher.update(bytes);
  }

  /** 64 lower-case hex digits of what came until now; more may follow. */
  digestSoFar(): string {
    return this.#hasher.copy().digest("hex");
  }
}

export interface StreamDigest {
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** Passes the chunks of `source` on, once, and knows their digest when the last one was taken. */
export class DigestingStream implements AsyncIterable<Uint8Array> {
  readonly #hasher = new Bun.CryptoHasher("sha256");
  #sizeBytes = 0;
  #digest: StreamDigest | undefined;
  #started = false;

  constructor(private readonly source: AsyncIterable<Uint8Array>) {}

  /** Throws BugError before the stream was read to its end. */
  get digest(): StreamDigest {
    if (this.#digest === undefined) throw new BugError("a digest was asked for before the end of its stream");
    return this.#digest;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#started) throw new BugError("a stream can be read only once");
    this.#started = true;
    let sinceTurn = 0;
    for await (const chunk of this.source) {
      for (let at = 0; at < chunk.length; at += BYTES_PER_UPDATE) {
        const piece = chunk.subarray(at, at + BYTES_PER_UPDATE);
        this.#hasher.update(piece);
        sinceTurn += piece.length;
        if (sinceTurn >= BYTES_PER_TURN) {
          sinceTurn = 0;
          await setImmediate();
        }
      }
      this.#sizeBytes += chunk.length;
      yield chunk;
    }
    this.#digest = { sha256: this.#hasher.digest("hex"), sizeBytes: this.#sizeBytes };
  }
}

/** Reads all of `source`. */
export async function digestStream(source: AsyncIterable<Uint8Array>): Promise<StreamDigest> {
  const stream = new DigestingStream(source);
  for await (const _ of stream);
  return stream.digest;
}
