/** `berth daemon` with exactly the flags that a test gives, for tests of the flags and of the process itself. */
import { until } from "./until.ts";

export class DaemonProcess implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"ignore", "ignore", "pipe">;
  readonly #read: Promise<void>;
  #log = "";

  constructor(argv: readonly string[]) {
    this.#child = Bun.spawn([...argv], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    this.#read = this.#collect();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** What it has written to its standard error so far. */
  get log(): string {
    return this.#log;
  }

  async #collect(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stderr) this.#log += decoder.decode(chunk, { stream: true });
  }

  /** Waits for the text in the log; throws with the log when the process ends without it. */
  async untilLogged(text: string): Promise<void> {
    let isOver = false;
    this.#read.then(() => {
      isOver = true;
    });
    await until(`${JSON.stringify(text)} in the daemon's log`, () => isOver || this.#log.includes(text));
    if (!this.#log.includes(text))
      throw new Error(`the daemon ended without ${JSON.stringify(text)}: ${this.#log}`);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves when it is gone, and all that it said is in the log: its exit code, or 128 and the signal's number. */
  async exited(): Promise<number> {
    const [code] = await Promise.all([this.#child.exited, this.#read]);
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGTERM");
    await this.exited();
  }
}
