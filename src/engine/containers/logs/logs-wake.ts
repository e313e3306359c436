import { watch } from "node:fs";
import { dirname } from "node:path";

/**
 * Bun drops a directory's event that comes up to 2 ms (by its clock of milliseconds) after one that it delivered. What was
 * dropped is seen by a second look this long after the last delivered event.
 */
const SECOND_LOOK_MS = 5;

/**
 * Wakes a follower when its log may have grown. A wake-up that comes while nobody waits is kept, so the order "arm, look,
 * wait" loses none: whatever happens after `arm` ends the wait, whatever happened before it is seen by the look.
 */
export class LogWake {
  #wake: () => void = () => {};
  #armed: Promise<void> = Promise.resolve();
  #closed = false;
  #secondLook: NodeJS.Timeout | undefined;
  readonly #dispose: (() => void)[] = [() => clearTimeout(this.#secondLook)];

  /**
   * @param path the log; its directory is watched, since a rotation makes a new file of that name
   * @param changed resolves at the next change of what writes the log
   * @param deadlineMs wakes once after this time
   */
  constructor(
    path: string,
    changed: () => Promise<void>,
    signal: AbortSignal,
    deadlineMs: number | undefined,
  ) {
    const wake = () => this.#wake();
    try {
      // Of any file: an event of another one can be what ours was dropped after.
      const watcher = watch(dirname(path), () => {
        wake();
        clearTimeout(this.#secondLook);
        this.#secondLook = setTimeout(wake, SECOND_LOOK_MS);
      });
      // The directory goes with its container, whose end wakes us by itself.
      watcher.on("error", wake);
      this.#dispose.push(() => watcher.close());
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    signal.addEventListener("abort", wake, { once: true });
    this.#dispose.push(() => signal.removeEventListener("abort", wake));
    if (deadlineMs !== undefined && deadlineMs < 2 ** 31) {
      const timer = setTimeout(wake, Math.max(0, deadlineMs));
      this.#dispose.push(() => clearTimeout(timer));
    }
    this.#subscribe(changed);
  }

  arm(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#armed = promise;
    this.#wake = resolve;
  }

  wait(): Promise<void> {
    return this.#armed;
  }

  close(): void {
    this.#closed = true;
    for (const dispose of this.#dispose.splice(0)) dispose();
  }

  /**
   * One subscription at a time: racing the promise anew in every round would pile up reactions on it for as long as the
   * container does not change. A change between the resolution and the new subscription is not lost, because the round
   * that this wake-up starts looks at the state after it.
   */
  #subscribe(changed: () => Promise<void>): void {
    void changed().then(() => {
      if (this.#closed) return;
      this.#subscribe(changed);
      this.#wake();
    });
  }
}
