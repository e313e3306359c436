import type { EngineClient } from "../client/engine-client.ts";
import type { Syntax } from "./arguments.ts";
import type { FlagTable, FlagValues } from "./flags.ts";

/** What a command may touch besides the daemon. Filled in by `main/`, which alone reads the environment. */
export interface CliContext {
  readonly client: EngineClient;
  /** Writes a command's result; resolves when the bytes were taken. Few bytes, in the order of the calls. */
  readonly out: (data: string | Uint8Array) => Promise<void>;
  readonly err: (data: string | Uint8Array) => Promise<void>;
  readonly terminal: Terminal;
  /** The caller's environment, for `-e NAME` and the like. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Absolute: where relative paths of the line begin. */
  readonly workingDirectory: () => string;
  /** The archive of the image that the binary carries. */
  readonly helloImage: () => Promise<Uint8Array>;
  readonly build: {
    readonly version: string;
    readonly commit: string;
    readonly buildTime: string;
    /** `linux/amd64`. */
    readonly platform: string;
    /** `bun1.4.5`: what stands where Docker names its Go. */
    readonly language: string;
  };
}

export interface WindowSize {
  readonly rows: number;
  readonly columns: number;
}

/** The caller's standard streams, and its terminal where they are one. Nothing of them is touched before it is asked for. */
export interface Terminal {
  isTerminal(stream: "stdin" | "stdout" | "stderr"): boolean;
  /** Of standard output unless another is named; undefined when it is no terminal. */
  size(stream?: "stdout" | "stderr"): WindowSize | undefined;
  onResize(listener: () => void): Disposable;
  /** Keys come as typed, unechoed, and output goes as it is, until disposed. Disposed as well when the program ends. */
  rawMode(): Disposable;
  /** Lines come as ever, but what is typed is not shown, until disposed. */
  hideInput(): Disposable;
  /** Standard input from here to its end; may be asked for once. */
  input(): AsyncIterable<Uint8Array>;
  /** A container's output: waits for a slow reader without holding up the rest of the program. */
  stream(to: "stdout" | "stderr", data: Uint8Array): Promise<void>;
  onSignal(signal: NodeJS.Signals, listener: () => void): Disposable;
  /** Ends the program at once, the terminal put back. */
  exit(code: number): never;
}

/** One command: its words, its flags and what it does. `run` gives the exit code. */
export interface Command<T extends FlagTable = FlagTable> extends Syntax<T> {
  /** `[OPTIONS] IMAGE [COMMAND] [ARG...]` */
  readonly arguments: string;
  run(context: CliContext, flags: FlagValues<T>, positionals: readonly string[]): Promise<number>;
}

/** Keeps a command's flag types while it is stored among others. */
export function defineCommand<T extends FlagTable>(command: Command<T>): Command {
  return command as unknown as Command;
}
