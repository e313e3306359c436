import { rm } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { EngineError, isKind } from "../../base/errors.ts";
import { PartialBlob } from "./partial-blob.ts";

/** A download under way, as a registry client gives it. */
export interface BlobDownload {
  /** Where `body` begins: what was asked for, or less from a server that does not know ranges. */
  readonly offsetBytes: number;
  /** Of the whole blob, where that is known. */
  readonly totalBytes: number | undefined;
  /** Throws unavailable when it breaks off. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface FetchOptions {
  /** Where it is known; another size is dataLoss. */
  readonly sizeBytes?: number;
  /** Throws exhausted above it. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** Bytes there so far, those of earlier attempts included. */
  onProgress?(currentBytes: number, totalBytes: number | undefined): void;
  open(offsetBytes: number, signal: AbortSignal): Promise<BlobDownload>;
}

interface Waiter {
  readonly options: FetchOptions;
  readonly outcome: PromiseWithResolvers<{ sizeBytes: number }>;
  leave(): void;
}

const MOST_FAILURES_WITHOUT_PROGRESS = 5;
const FIRST_DELAY_MS = 20;

/**
 * The download of one blob for everybody who waits for it. It reads with the first waiter's `open`; one that fails for reasons
 * of its own (credentials, limits) takes only that waiter along, and the next one's is tried. It ends when nobody waits any more.
 */
export class BlobTransfer {
  private readonly waiters = new Set<Waiter>();
  private readonly abandoned = new AbortController();
  private progress: readonly [number, number | undefined] | undefined;

  private constructor(
    private readonly digest: string,
    private readonly path: string,
    /** Called when the bytes are right: gives the file its place. */
    private readonly complete: () => Promise<void>,
  ) {}

  /** `finished` resolves when all is over, whatever came of it, and nobody touches the file any more. */
  static start(
    digest: string,
    path: string,
    first: FetchOptions,
    complete: () => Promise<void>,
  ): { transfer: BlobTransfer; result: Promise<{ sizeBytes: number }>; finished: Promise<void> } {
    const transfer = new BlobTransfer(digest, path, complete);
    const result = transfer.join(first);
    return { transfer, result, finished: transfer.run() };
  }

  /** False when the last waiter has left: then it only cleans up. */
  get isOpen(): boolean {
    return !this.abandoned.signal.aborted;
  }

  /** Waits for the transfer; rejects with canceled when `options.signal` aborts, whoever else waits. */
  join(options: FetchOptions): Promise<{ sizeBytes: number }> {
    const outcome = Promise.withResolvers<{ sizeBytes: number }>();
    const onAbort = () => {
      this.remove(waiter);
      outcome.reject(canceled(this.digest, options.signal));
    };
    const leave = () => options.signal.removeEventListener("abort", onAbort);
    const waiter: Waiter = { options, outcome, leave };
    this.waiters.add(waiter);
    options.signal.addEventListener("abort", onAbort);
    if (options.signal.aborted) onAbort();
    else if (this.progress !== undefined) options.onProgress?.(...this.progress);
    return outcome.promise;
  }

  private remove(waiter: Waiter): void {
    waiter.leave();
    this.waiters.delete(waiter);
    if (this.waiters.size === 0) this.abandoned.abort();
  }

  private async run(): Promise<void> {
    for (let [waiter] = this.waiters; waiter !== undefined; [waiter] = this.waiters) {
      try {
        const sizeBytes = await this.attempt(waiter.options);
        for (const each of this.waiters) {
          each.outcome.resolve({ sizeBytes });
          this.remove(each);
        }
      } catch (error) {
        waiter.outcome.reject(error);
        this.remove(waiter);
      }
    }
  }

  private async attempt(options: FetchOptions): Promise<number> {
    const { signal } = this.abandoned;
    await using partial = await PartialBlob.open(this.path, signal);
    const found = partial.sizeBytes;
    if (await this.isWhole(partial, options)) return partial.sizeBytes;
    await this.download(partial, options);
    if (partial.digest() !== this.digest && found > 0) {
      // What an earlier attempt left was not what it took it for: a power cut, or a server's other answer.
      await partial.truncate();
      await this.download(partial, options);
    }
    const actual = partial.digest();
    if (actual !== this.digest) {
      await partial.truncate();
      await rm(this.path, { force: true });
      throw wrongDigest(this.digest, actual);
    }
    await partial.flush();
    await this.complete();
    return partial.sizeBytes;
  }

  /** An earlier attempt may have had all but the time to say so. */
  private async isWhole(partial: PartialBlob, options: FetchOptions): Promise<boolean> {
    const most = options.sizeBytes ?? options.maxBytes;
    if (partial.sizeBytes > 0 && partial.digest() === this.digest && partial.sizeBytes <= most) {
      await this.complete();
      this.tell(partial.sizeBytes, partial.sizeBytes);
      return true;
    }
    if (partial.sizeBytes >= most) await partial.truncate();
    return false;
  }

  /** Opens and reads until the end, again after each break, as long as that leads anywhere. */
  private async download(partial: PartialBlob, options: FetchOptions): Promise<void> {
    for (let failures = 0; ; ) {
      const before = partial.sizeBytes;
      try {
        await this.read(partial, options);
        return;
      } catch (error) {
        if (!isKind(error, "unavailable")) throw error;
        failures = partial.sizeBytes > before ? 0 : failures + 1;
        if (failures >= MOST_FAILURES_WITHOUT_PROGRESS) throw error;
        if (failures > 0) {
          await setTimeout(FIRST_DELAY_MS << (failures - 1), undefined, { signal: this.abandoned.signal });
        }
      }
    }
  }

  private async read(partial: PartialBlob, options: FetchOptions): Promise<void> {
    const { signal } = this.abandoned;
    const { offsetBytes, totalBytes, body } = await options.open(partial.sizeBytes, signal);
    let toSkip = partial.sizeBytes - offsetBytes;
    if (toSkip < 0) {
      throw new EngineError(
        "invalid",
        `blob ${this.digest}: the registry sent another range than was asked for`,
      );
    }
    const total = options.sizeBytes ?? totalBytes;
    if (totalBytes !== undefined && totalBytes !== total) throw this.otherSize(totalBytes, total);
    if ((total ?? 0) > options.maxBytes) throw this.tooLarge(options);
    for await (const chunk of body) {
      signal.throwIfAborted();
      const fresh = toSkip < chunk.length ? chunk.subarray(toSkip) : undefined;
      toSkip = Math.max(0, toSkip - chunk.length);
      if (fresh === undefined) continue;
      const after = partial.sizeBytes + fresh.length;
      if (after > options.maxBytes) throw this.tooLarge(options);
      if (total !== undefined && after > total) throw this.otherSize(after, total);
      await partial.append(fresh);
      this.tell(partial.sizeBytes, total);
    }
    signal.throwIfAborted();
    if (total !== undefined && partial.sizeBytes < total) {
      throw new EngineError(
        "unavailable",
        `blob ${this.digest}: the download ended after ${partial.sizeBytes} of ${total} bytes`,
      );
    }
  }

  private tell(current: number, total: number | undefined): void {
    this.progress = [current, total];
    for (const { options } of this.waiters) options.onProgress?.(current, total);
  }

  private tooLarge(options: FetchOptions): EngineError {
    return new EngineError(
      "exhausted",
      `blob ${this.digest} is larger than the ${options.maxBytes} bytes allowed`,
    );
  }

  private otherSize(actual: number, expected: number | undefined): EngineError {
    return new EngineError(
      "dataLoss",
      `blob ${this.digest} has ${actual} bytes or more where ${expected} were expected`,
    );
  }
}

export function wrongDigest(expected: string, actual: string): EngineError {
  return new EngineError("dataLoss", `wrong digest: ${expected} was expected, the content has ${actual}`);
}

function canceled(digest: string, signal: AbortSignal): EngineError {
  return new EngineError("canceled", `the download of ${digest} was canceled`, { cause: signal.reason });
}
