import type { EngineClient } from "../client/engine-client.ts";
import type { FlagTable, FlagValues, Usage } from "./arguments.ts";

/** What a command may touch besides the daemon. Filled in by `main/`, which alone reads the environment. */
export interface CliContext {
  readonly client: EngineClient;
  /** Writes to standard output; resolves when the bytes were taken. */
  readonly out: (data: string | Uint8Array) => Promise<void>;
  readonly err: (data: string | Uint8Array) => Promise<void>;
  readonly terminal: Terminal;
  /** `DOCKER_HOST`-independent settings of the caller's environment that commands look at. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The archive of the image that the binary carries. */
  readonly helloImage: () => Promise<Uint8Array>;
  readonly build: { readonly version: string; readonly commit: string; readonly buildTime: string };
}

/** Standard input and output as a terminal, where they are one. */
export interface Terminal {
  readonly stdinIsTerminal: boolean;
  readonly stdoutIsTerminal: boolean;
  /** Rows and columns of standard output; undefined when it is no terminal. */
  size(): { readonly rows: number; readonly columns: number } | undefined;
  onResize(listener: () => void): Disposable;
  /** Keys come unread and unechoed until disposed. */
  rawMode(): Disposable;
  readonly input: AsyncIterable<Uint8Array>;
  /** Stops reading standard input, so that the program can end. */
  stopInput(): void;
  onSignal(signal: NodeJS.Signals, listener: () => void): Disposable;
}

/** One command: its words, its flags and what it does. `run` gives the exit code. */
export interface Command<T extends FlagTable = FlagTable> extends Usage {
  readonly flags: T;
  run(context: CliContext, flags: FlagValues<T>, positionals: readonly string[]): Promise<number>;
  /** Exit code when the use is wrong or the daemon refuses: 125 for run, create, start of a process; otherwise 1. */
  readonly failureCode?: number;
}

/** Keeps a command's flag types while it is stored among others. */
export function defineCommand<T extends FlagTable>(command: Command<T>): Command {
  return command as unknown as Command;
}
