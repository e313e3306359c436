import type { CliContext } from "./command.ts";

/** Questions to the person at the other end of standard input, and the answers, line by line. */
export class Prompt {
  #input: AsyncIterator<Uint8Array> | undefined;
  #rest = "";
  readonly #decoder = new TextDecoder();

  constructor(private readonly context: CliContext) {}

  /** The next line without white space around it; undefined when there is none. */
  async ask(question: string): Promise<string | undefined> {
    await this.context.out(question);
    const line = await this.#line();
    return line?.trim();
  }

  /** The same for what nobody may see on the screen. */
  async askSecretly(question: string): Promise<string | undefined> {
    using _hidden = this.context.terminal.hideInput();
    const answer = await this.ask(question);
    // The line feed that was typed was not shown either.
    await this.context.out("\n");
    return answer;
  }

  async #line(): Promise<string | undefined> {
    this.#input ??= this.context.terminal.input()[Symbol.asyncIterator]();
    for (;;) {
      const end = this.#rest.indexOf("\n");
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return line;
      }
      const step = await this.#input.next();
      if (step.done === true) {
        const last = this.#rest;
        this.#rest = "";
        return last === "" ? undefined : last;
      }
      this.#rest += this.#decoder.decode(step.value, { stream: true });
    }
  }
}

/** Asks whether to go on; only `y` is a yes. */
export async function confirm(context: CliContext, question: string): Promise<boolean> {
  const answer = await new Prompt(context).ask(`${question} [y/N] `);
  return answer?.toLowerCase() === "y";
}
