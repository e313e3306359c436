/** Above this much that is unread the other side is held up. */
const UNREAD_LIMIT_BYTES = 1 << 20;

/** Bytes between a socket that pushes and a reader that pulls; `pause` and `resume` keep them bounded. */
export class ChunkQueue {
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #paused = false;
  #ended = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(
    private readonly pause: () => void,
    private readonly resume: () => void,
  ) {}

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes > UNREAD_LIMIT_BYTES && !this.#paused) {
      this.#paused = true;
      this.pause();
    }
    this.#wake?.();
  }

  /** What was pushed is still read; then the reader sees the end, or `failure`. */
  end(failure?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = failure;
    this.#wake?.();
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** All that is there, waiting for the first byte; undefined at the end. */
  async take(): Promise<Uint8Array | undefined> {
    while (this.#chunks.length === 0) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended) return undefined;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
      this.#wake = undefined;
    }
    const [first] = this.#chunks;
    const all = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#bytes = 0;
    if (this.#paused) {
      this.#paused = false;
      this.resume();
    }
    return all;
  }
}
