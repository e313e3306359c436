import { EngineError } from "../../base/errors.ts";

/** A place among the transfers under way; giving it back twice is harmless. */
export interface TransferSlot {
  release(): void;
}

/** Places for transfers, given out in the order in which they were asked for. */
export class TransferSlots {
  #limit: number;
  #taken = 0;
  readonly #waiting = new Set<() => void>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** A lower limit takes effect as transfers end. */
  setLimit(limit: number): void {
    this.#limit = limit;
    this.#admit();
  }

  /** Throws canceled when `signal` aborts before a place was free. */
  async acquire(signal: AbortSignal): Promise<TransferSlot> {
    if (signal.aborted) throw canceled(signal);
    if (this.#taken >= this.#limit || this.#waiting.size > 0) await this.#turn(signal);
    else this.#taken++;
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        this.#taken--;
        this.#admit();
      },
    };
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.delete(enter);
        reject(canceled(signal));
      };
      this.#waiting.add(enter);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  /** The place is taken here, not by who wakes up: nobody can slip in between. */
  #admit(): void {
    for (const enter of this.#waiting) {
      if (this.#taken >= this.#limit) return;
      this.#waiting.delete(enter);
      this.#taken++;
      enter();
    }
  }
}

function canceled(signal: AbortSignal): EngineError {
  return new EngineError("canceled", "canceled", { cause: signal.reason });
}
