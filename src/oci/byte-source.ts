import { EngineError } from "../base/errors.ts";

/** A stream of chunks read in pieces of the reader's choice; holds one chunk at a time. */
export class ByteSource {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private rest: Uint8Array = new Uint8Array(0);

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.chunks = stream[Symbol.asyncIterator]();
  }

  /** The next bytes, at most `limit`; undefined at the end. Never empty. */
  async take(limit: number): Promise<Uint8Array | undefined> {
    while (this.rest.length === 0) {
      const next = await this.chunks.next();
      if (next.done === true) return undefined;
      this.rest = next.value;
    }
    const piece = this.rest.subarray(0, limit);
    this.rest = this.rest.subarray(piece.length);
    return piece;
  }

  /** Exactly `length` bytes of one's own; undefined when the stream had ended. Throws invalid "unexpected EOF". */
  async exactly(length: number): Promise<Uint8Array | undefined> {
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const piece = await this.take(length - filled);
      if (piece === undefined) {
        if (filled === 0) return undefined;
        throw new EngineError("invalid", "unexpected EOF");
      }
      bytes.set(piece, filled);
      filled += piece.length;
    }
    return bytes;
  }

  /** Throws invalid "unexpected EOF". */
  async skip(length: number): Promise<void> {
    for (let left = length; left > 0; ) {
      const piece = await this.take(left);
      if (piece === undefined) throw new EngineError("invalid", "unexpected EOF");
      left -= piece.length;
    }
  }

  /** Reads what remains: a sender must not find its pipe closed because of padding. */
  async drain(): Promise<void> {
    while ((await this.take(1 << 20)) !== undefined);
  }

  /** Tells the stream that nobody reads on. */
  async cancel(): Promise<void> {
    await this.chunks.return?.();
  }
}
