import type { CliContext } from "../command.ts";
import { threeDigits } from "../render/text.ts";

const SAVE = "\u001b[s";
const RESTORE = "\u001b[u";
const ERASE_LINE = "\u001b[2K";
const ERASE_TAIL = "\u001b[0K";
const column = (n: number) => `\u001b[${n}G`;
/** Between two figures on the screen. */
const STEP_MS = 75;

/** How much of a copy has gone by, on standard error: drawn again and again on a terminal, and said once at the end. */
export class CopyProgress {
  #bytes = 0;
  #drawn = 0;
  #lastMs = 0;
  readonly #onTerminal: boolean;

  constructor(
    private readonly context: CliContext,
    private readonly header: string,
  ) {
    this.#onTerminal = context.terminal.isTerminal("stderr");
  }

  async begin(): Promise<void> {
    if (this.#onTerminal) await this.context.err(`${SAVE}${ERASE_LINE}${this.header}${threeDigits(0)}`);
  }

  /** The same bytes, counted. */
  async *count(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) {
      this.#bytes += chunk.length;
      await this.#draw();
      yield chunk;
    }
  }

  async end(destination: string): Promise<void> {
    const erase = this.#onTerminal ? RESTORE + ERASE_LINE : "";
    await this.context.err(`${erase}Successfully copied ${threeDigits(this.#bytes)} to ${destination}\n`);
  }

  /** Before a failure is told. */
  async erase(): Promise<void> {
    if (this.#onTerminal) await this.context.err(RESTORE + ERASE_LINE);
  }

  async #draw(): Promise<void> {
    const nowMs = performance.now();
    if (!this.#onTerminal || nowMs - this.#lastMs < STEP_MS || this.#bytes === this.#drawn) return;
    this.#lastMs = nowMs;
    this.#drawn = this.#bytes;
    await this.context.err(column(this.header.length + 1) + ERASE_TAIL + threeDigits(this.#bytes));
  }
}
