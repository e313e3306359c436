/** A bounded queue of chunks between one writer and one reader: what a pipe is between processes. */
export class ByteChannel<T> implements AsyncIterable<T> {
  readonly #limit: number;
  readonly #queue: T[] = [];
  #ended = false;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  constructor(limit = 16) {
    this.#limit = limit;
  }

  /** Resolves when there is room again. Dropped after the end. */
  async push(item: T): Promise<void> {
    while (this.#queue.length >= this.#limit && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wakeWriter = resolve;
      });
    }
    if (this.#ended) return;
    this.#queue.push(item);
    this.#wakeReader?.();
  }

  end(): void {
    this.#ended = true;
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const item = this.#queue.shift();
      if (item !== undefined) {
        this.#wakeWriter?.();
        yield item;
      } else if (this.#ended) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wakeReader = resolve;
        });
      }
    }
  }
}
