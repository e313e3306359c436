/** A program on a pseudo-terminal, typed at and read as a person would. */
export class Pty {
  #output = "";
  #changed = Promise.withResolvers<void>();
  readonly #decoder = new TextDecoder();
  readonly #child: Bun.Subprocess;

  constructor(
    argv: readonly string[],
    options: { env: Readonly<Record<string, string>>; rows?: number; columns?: number },
  ) {
    this.#child = Bun.spawn([...argv], {
      env: { ...process.env, TERM: "xterm", ...options.env },
      terminal: {
        rows: options.rows ?? 24,
        cols: options.columns ?? 80,
        data: (_, data) => {
          this.#output += this.#decoder.decode(data, { stream: true });
          this.#wake();
        },
      },
    });
    this.#child.exited.then(() => this.#wake());
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  get exited(): Promise<number> {
    return this.#child.exited;
  }

  type(text: string): void {
    this.#child.terminal?.write(text);
  }

  resize(rows: number, columns: number): void {
    this.#child.terminal?.resize(columns, rows);
  }

  /** Waits for `text` in what came since the last match. Throws when the program ends without it. */
  async until(text: string): Promise<void> {
    for (;;) {
      const at = this.#output.indexOf(text);
      if (at >= 0) {
        this.#output = this.#output.slice(at + text.length);
        return;
      }
      const changed = this.#changed.promise;
      if (this.#child.exitCode !== null)
        throw new Error(`ended without ${JSON.stringify(text)}: ${this.#output}`);
      await changed;
    }
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
    this.#child.terminal?.close();
  }
}
