import { DEFAULT_DETACH_KEYS, DetachScanner, parseDetachKeys } from "../api/detach-keys.ts";
import { demultiplex } from "../client/demultiplex.ts";
import type { HijackedStream } from "../client/transport.ts";
import type { CliContext } from "./command.ts";
import { CliFailure } from "./failure.ts";

export interface AttachSessionOptions {
  readonly tty: boolean;
  readonly stdin: boolean;
  /** As `--detach-keys` has them; the default without. */
  readonly detachKeys: string | undefined;
}

/** Throws CliFailure for keys that are none, before anything is asked of the daemon. */
export function checkDetachKeys(keys: string | undefined): void {
  if (keys === undefined || keys === "") return;
  try {
    parseDetachKeys(keys);
  } catch {
    throw new CliFailure(`invalid detach keys (${keys})`);
  }
}

/** Raw keys can only come from a terminal. */
export function requireTerminal(context: CliContext, stdin: boolean, tty: boolean): void {
  if (tty && stdin && !context.terminal.isTerminal("stdin")) {
    throw new CliFailure("the input device is not a TTY");
  }
}

/**
 * Joins the terminal to a container's stream until the output ends (`ended`) or the person types the detach keys
 * (`detached`). With a terminal on both sides keys go through raw. Input is not waited for: it ends with the program.
 */
export async function joinTerminal(
  context: CliContext,
  stream: HijackedStream,
  options: AttachSessionOptions,
): Promise<"ended" | "detached"> {
  const keyboard = options.tty && options.stdin && context.terminal.isTerminal("stdin");
  using _raw = keyboard ? context.terminal.rawMode() : undefined;
  const detached = Promise.withResolvers<"detached">();
  if (options.stdin) {
    const scanner = keyboard ? scannerOf(options.detachKeys) : undefined;
    // A terminal that is gone (EIO) is an end of input like any other.
    forwardInput(context, stream, scanner, () => detached.resolve("detached")).catch(() => stream.endInput());
  }
  const output = options.tty ? copyRaw(context, stream) : copyFrames(context, stream);
  try {
    return await Promise.race([output.then(() => "ended" as const), detached.promise]);
  } finally {
    stream.close();
  }
}

function scannerOf(keys: string | undefined): DetachScanner {
  return new DetachScanner(keys === undefined || keys === "" ? DEFAULT_DETACH_KEYS : parseDetachKeys(keys));
}

async function copyRaw({ terminal }: CliContext, stream: HijackedStream): Promise<void> {
  for await (const chunk of stream.output) await terminal.stream("stdout", chunk);
}

async function copyFrames({ terminal }: CliContext, stream: HijackedStream): Promise<void> {
  for await (const { stream: name, data } of demultiplex(stream.output)) await terminal.stream(name, data);
}

async function forwardInput(
  { terminal }: CliContext,
  stream: HijackedStream,
  scanner: DetachScanner | undefined,
  onDetach: () => void,
): Promise<void> {
  for await (const chunk of terminal.input()) {
    const { passed, detached } = scanner?.push(chunk) ?? { passed: chunk, detached: false };
    await stream.write(passed);
    if (detached) return onDetach();
  }
  stream.endInput();
}

type Resize = (rows: number, columns: number) => Promise<void>;

/** Tells the daemon the terminal's size now and at each change; nothing where there is no terminal. */
export function followTerminalSize({ terminal }: CliContext, resize: Resize): Disposable | undefined {
  if (terminal.size() === undefined) return undefined;
  const send = () => {
    const size = terminal.size();
    // A program that has ended meanwhile has no size to change.
    if (size !== undefined) resize(size.rows, size.columns).catch(() => {});
  };
  send();
  return terminal.onResize(send);
}

/** A program that was left at this very size redraws only when it changes: it is changed and, later, put right. */
export async function forceRedraw({ terminal }: CliContext, resize: Resize): Promise<void> {
  const size = terminal.size();
  if (size !== undefined) await resize(size.rows + 1, size.columns + 1).catch(() => {});
}

/** What a person is told who left by the detach keys where an exit code would have been. */
export const DETACHED = "read escape sequence";
