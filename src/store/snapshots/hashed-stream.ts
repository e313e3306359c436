import { DigestingStream } from "../../host/hashing.ts";

/**
 * A stream that is hashed while somebody else reads it. A reader may stop early (an unpacker at a tar's end mark):
 * the rest still counts, so `finish` reads it.
 */
export class HashedStream implements AsyncIterable<Uint8Array> {
  private readonly digesting: DigestingStream;
  private readonly source: AsyncGenerator<Uint8Array, void, undefined>;

  constructor(
    stream: AsyncIterable<Uint8Array>,
    private readonly signal: AbortSignal,
  ) {
    this.digesting = new DigestingStream(stream);
    this.source = this.digesting[Symbol.asyncIterator]();
  }

  /** Without `return`: leaving the loop must not end the source. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return { next: () => this.next() };
  }

  private async next(): Promise<IteratorResult<Uint8Array>> {
    this.signal.throwIfAborted();
    const result = await this.source.next();
    this.signal.throwIfAborted();
    return result;
  }

  /** Reads what is left. Returns `sha256:<hex>`. */
  async finish(): Promise<string> {
    while ((await this.next()).done !== true);
    return `sha256:${this.digesting.digest.sha256}`;
  }

  /** Lets go of the source; its complaint about that is of no interest. */
  async cancel(): Promise<void> {
    await this.source.return().catch(() => undefined);
  }
}
