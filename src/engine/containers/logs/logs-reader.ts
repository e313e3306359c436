import { formatRfc3339Fixed } from "../../../api/rfc3339.ts";
import type { LogOptions, OutputChunk } from "../container-use-cases.ts";
import { decodeLogEntry } from "./logs-entry.ts";
import { LogTrail } from "./logs-trail.ts";
import { LogWake } from "./logs-wake.ts";

const NS_PER_MS = 1_000_000n;
const encoder = new TextEncoder();

/** What writes the log that is followed. */
export interface LogWriter {
  /** False only when all it wrote is in the file. */
  isWriting(): boolean;
  /** Resolves at the next change of that. */
  changed(): Promise<void>;
}

export type LogReadOptions = Omit<LogOptions, "follow">;

/** Everything that a log has, for `attach?logs=1`. */
export const WHOLE_LOG: LogReadOptions = {
  stdout: true,
  stderr: true,
  timestamps: false,
  sinceNs: undefined,
  untilNs: undefined,
  tail: undefined,
};

/** Reads the json-file log that a shim writes: `path` and, older, `path.1`, `path.2`, … */
export class LogReader {
  readonly #path: string;
  readonly #nowNs: () => bigint;

  constructor(path: string, nowNs: () => bigint = () => BigInt(Date.now()) * NS_PER_MS) {
    this.#path = path;
    this.#nowNs = nowNs;
  }

  /** Opens the log for a later read() or follow(): what is open stays readable when the container is removed. */
  open(tail: number | undefined): Promise<LogTrail> {
    return LogTrail.open(this.#path, tail);
  }

  /**
   * What is in the log now, oldest first, one chunk for each entry. `tail` counts entries of both streams before any other
   * selection, as Docker does. Ends early, without an error, when the signal is raised.
   */
  async *read(options: LogReadOptions, signal: AbortSignal, opened?: LogTrail): AsyncGenerator<OutputChunk> {
    const trail = opened ?? (await this.open(options.tail));
    try {
      yield* selected(trail.snapshot(), options, signal);
    } finally {
      await trail.close();
    }
  }

  /**
   * As read(), then what `writer` adds, across rotations, until it has stopped and everything is read, until `untilNs` has
   * passed, or until the signal.
   */
  async *follow(
    options: LogReadOptions,
    writer: LogWriter,
    signal: AbortSignal,
    opened?: LogTrail,
  ): AsyncGenerator<OutputChunk> {
    const { untilNs } = options;
    const leftMs = untilNs === undefined ? undefined : Number((untilNs - this.#nowNs()) / NS_PER_MS) + 1;
    const wake = new LogWake(this.#path, () => writer.changed(), signal, leftMs);
    let trail = opened;
    try {
      trail ??= await this.open(options.tail);
      for (;;) {
        wake.arm();
        // Asked before the look at the files: when the writer stops during it, there is one more round.
        const last =
          !writer.isWriting() || signal.aborted || (untilNs !== undefined && this.#nowNs() > untilNs);
        const reachedEnd = yield* selected(trail.growth(), options, signal);
        if (last || reachedEnd) return;
        await wake.wait();
      }
    } finally {
      wake.close();
      await trail?.close();
    }
  }
}

/** The entries of `batches` that were asked for. Returns whether one was later than `untilNs`, or the signal raised. */
async function* selected(
  batches: AsyncIterable<readonly string[]>,
  options: LogReadOptions,
  signal: AbortSignal,
): AsyncGenerator<OutputChunk, boolean> {
  const { sinceNs, untilNs, timestamps } = options;
  for await (const lines of batches) {
    for (const line of lines) {
      if (signal.aborted) return true;
      const entry = decodeLogEntry(line);
      if (entry === undefined || (sinceNs !== undefined && entry.atNs < sinceNs)) continue;
      if (untilNs !== undefined && entry.atNs > untilNs) return true;
      if (!options[entry.stream]) continue;
      const text = timestamps ? `${formatRfc3339Fixed(entry.atNs)} ${entry.text}` : entry.text;
      yield { stream: entry.stream, data: encoder.encode(text) };
    }
  }
  return signal.aborted;
}
