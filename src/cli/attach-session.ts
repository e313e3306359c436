import { DetachScanner, parseDetachKeys } from "../api/detach-keys.ts";
import { demultiplex } from "../client/demultiplex.ts";
import type { HijackedStream } from "../client/transport.ts";
import type { CliContext } from "./command.ts";

/** Docker's default; a client's configuration or `--detach-keys` may say otherwise. */
export const DEFAULT_DETACH_KEYS = "ctrl-p,ctrl-q";

export interface AttachSessionOptions {
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly detachKeys: string;
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
  const { terminal } = context;
  using _raw = options.tty && options.stdin && terminal.stdinIsTerminal ? terminal.rawMode() : nothing();
  const detached = Promise.withResolvers<"detached">();
  if (options.stdin) void forwardInput(context, stream, options, () => detached.resolve("detached"));
  const output = options.tty ? copyRaw(context, stream) : copyFrames(context, stream);
  const outcome = await Promise.race([output.then(() => "ended" as const), detached.promise]);
  terminal.stopInput();
  stream.close();
  return outcome;
}

async function copyRaw(context: CliContext, stream: HijackedStream): Promise<void> {
  for await (const chunk of stream.output) await context.out(chunk);
}

async function copyFrames(context: CliContext, stream: HijackedStream): Promise<void> {
  for await (const { stream: name, data } of demultiplex(stream.output)) {
    await (name === "stderr" ? context.err(data) : context.out(data));
  }
}

async function forwardInput(
  context: CliContext,
  stream: HijackedStream,
  options: AttachSessionOptions,
  onDetach: () => void,
): Promise<void> {
  const scanner =
    options.tty && context.terminal.stdinIsTerminal
      ? new DetachScanner(parseDetachKeys(options.detachKeys))
      : undefined;
  for await (const chunk of context.terminal.input) {
    const { passed, detached } = scanner?.push(chunk) ?? { passed: chunk, detached: false };
    await stream.write(passed);
    if (detached) return onDetach();
  }
  stream.endInput();
}

/** Tells the daemon the terminal's size now and at each change. */
export function followTerminalSize(
  context: CliContext,
  resize: (rows: number, columns: number) => Promise<void>,
): Disposable {
  const send = () => {
    const size = context.terminal.size();
    // A program that has ended meanwhile has no size to change.
    if (size !== undefined) resize(size.rows, size.columns).catch(() => {});
  };
  send();
  return context.terminal.onResize(send);
}

const nothing = (): Disposable => ({ [Symbol.dispose]() {} });
