import type { ProgressMessage } from "../../api/image-views.ts";
import { fromUnknown } from "../../base/errors.ts";

/**
 * Messages on their way from work to its client. A progress line that nobody has read yet is replaced by the next one of
 * the same id: a slow client costs no memory and sees the newest.
 */
export class MessageQueue {
  private waiting: ProgressMessage[] = [];
  private wake: (() => void) | undefined;
  private ended = false;

  push(message: ProgressMessage): void {
    const same = (other: ProgressMessage) => other.id === message.id && other.status === message.status;
    const at = message.progressDetail === undefined ? -1 : this.waiting.findIndex(same);
    if (at >= 0) this.waiting[at] = message;
    else this.waiting.push(message);
    this.wake?.();
  }

  private end(): void {
    this.ended = true;
    this.wake?.();
  }

  private async *messages(): AsyncGenerator<ProgressMessage, void, undefined> {
    for (;;) {
      const ready = this.waiting;
      this.waiting = [];
      yield* ready;
      if (this.waiting.length > 0) continue;
      if (this.ended) return;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  /**
   * Runs `work` and yields what it pushes. An error before the first message is thrown; afterwards the answer has begun,
   * and it becomes the last message. A client that stops reading ends the work through its signal.
   */
  static async *run(
    work: (push: (message: ProgressMessage) => void, signal: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ): AsyncGenerator<ProgressMessage, void, undefined> {
    const queue = new MessageQueue();
    const left = new AbortController();
    const outcome = work((message) => queue.push(message), AbortSignal.any([signal, left.signal]))
      .then(
        () => undefined,
        (error: unknown) => fromUnknown(error),
      )
      .finally(() => queue.end());
    let begun = false;
    try {
      for await (const message of queue.messages()) {
        begun = true;
        yield message;
      }
      const error = await outcome;
      if (error === undefined) return;
      if (!begun) throw error;
      yield { errorDetail: { message: error.message }, error: error.message };
    } finally {
      left.abort();
      await outcome;
    }
  }
}
