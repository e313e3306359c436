import { EngineError } from "../base/errors.ts";
import { endInput, feedInput } from "./child-input.ts";

type Child = Bun.Subprocess<"pipe", "pipe", "pipe">;

/** Given up between two pieces of a body, so that other work gets its turn while source and pipe are both always ready. */

/**
 * One `berth-kernel` at work on a tree. What it says of a failure becomes an EngineError: see native/kernel/tree-errors.h and
 * refuse.h. Use `finish()` or `output()`, and `using`: whoever leaves early ends the process.
 */
export class TreeProcess implements Disposable {
  readonly #child: Child;
  readonly #messages: Promise<string>;
  readonly #signal: AbortSignal | undefined;
  readonly #kill = () => this.#child.kill("SIGKILL");

  /** `what` completes "cannot …". */
  constructor(
    kernelPath: string,
    args: readonly string[],
    private readonly what: string,
    signal?: AbortSignal,
  ) {
    if (signal?.aborted) throw canceled(what, signal);
    this.#child = Bun.spawn([kernelPath, ...args], {
      cwd: "/",
      env: {},
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    this.#messages = this.#child.stderr.text();
    this.#signal = signal;
    signal?.addEventListener("abort", this.#kill);
  }

  /** Standard output; throws at its end when the process failed. */
  async *output(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      void endInput(this.#child.stdin);
      yield* this.#child.stdout;
      await this.finish();
    } finally {
      this[Symbol.dispose]();
    }
  }

  /** All of standard output as text. Throws when the process failed. */
  async text(): Promise<string> {
    try {
      void endInput(this.#child.stdin);
      const text = await this.#child.stdout.text();
      await this.finish();
      return text;
    } finally {
      this[Symbol.dispose]();
    }
  }

  /** Writes all of `input` to the process and waits for its end; the source is left alone when the process ends early. */
  async feed(input: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      const silent = this.#child.stdout.text();
      await feedInput(this.#child, input);
      await silent;
      await this.finish();
    } finally {
      this[Symbol.dispose]();
    }
  }

  /** Resolves when the process has ended well. */
  async finish(): Promise<void> {
    await this.#child.exited;
    if (this.#signal?.aborted) throw canceled(this.what, this.#signal);
    if (this.#child.exitCode !== 0) {
      throw failure(this.what, this.#child, (await this.#messages).trim());
    }
  }

  [Symbol.dispose](): void {
    this.#signal?.removeEventListener("abort", this.#kill);
    this.#kill();
  }
}

const EXHAUSTED = new Set(["ENOSPC", "EDQUOT", "ENOMEM", "EMFILE", "ENFILE"]);

/** The words of exit code 3, see native/kernel/tree-errors.h. */
const KINDS = {
  missing: "notFound",
  invalid: "invalid",
  "read-only": "denied",
  gone: "conflict",
  unreadable: "failedPrecondition",
} as const;

function isWord(word: string): word is keyof typeof KINDS {
  return Object.hasOwn(KINDS, word);
}

function failure(what: string, child: Child, message: string): EngineError {
  if (child.exitCode === 1) return new EngineError("invalid", message);
  if (child.exitCode === 3) {
    const colon = message.indexOf(": ");
    const word = message.slice(0, colon);
    if (isWord(word)) return new EngineError(KINDS[word], message.slice(colon + 2), { details: { word } });
  }
  if (child.exitCode === 2) {
    const errno = /^E[A-Z0-9]+(?=: )/.exec(message)?.[0];
    const kind = errno !== undefined && EXHAUSTED.has(errno) ? "exhausted" : "internal";
    return new EngineError(kind, `cannot ${what}: ${message}`, { details: { errno } });
  }
  const reason = child.signalCode ?? `exit code ${child.exitCode}`;
  return new EngineError(
    "internal",
    `cannot ${what}: it ended with ${reason}${message === "" ? "" : `: ${message}`}`,
  );
}

function canceled(what: string, signal: AbortSignal): EngineError {
  return new EngineError("canceled", `canceled: ${what}`, { cause: signal.reason });
}
