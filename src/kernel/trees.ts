/** Whole directory trees that somebody else filled: listed, measured, compared, copied. A process of its own for each. */
import { EngineError } from "../base/errors.ts";
import { decodeTreeList, type TreeEntry } from "./tree-list.ts";

export interface TreeDifference {
  /** As TreeEntry.path. */
  readonly path: string;
  /** `missing` and `extra` are the second tree's; else what differs: `content`, `mode`, `owner`, `time`, … */
  readonly what: string;
}

/**
 * Paths are the daemon's own directories. Nothing is followed out of them. All end with canceled on `signal`, with invalid for a tree
 * that lies too deep (8192 levels), exhausted for a full disk.
 */
export interface Trees {
  /** Every entry below the directory, in the order of compareTreePaths. Leaving the loop ends the work. */
  list(directory: string, signal?: AbortSignal): AsyncIterable<TreeEntry[]>;
  /** Bytes that a directory takes on the disk, itself included, as du(1) counts; 0 when it is not there. */
  space(directory: string, signal?: AbortSignal): Promise<number>;
  /** The first `most` differences between two trees: all but the tops' own attributes and the times of directories. */
  compare(left: string, right: string, most: number, signal?: AbortSignal): Promise<TreeDifference[]>;
  /** Copies what is below `source`, and its own attributes, to the empty directory `target`. */
  copy(source: string, target: string, signal?: AbortSignal): Promise<void>;
  /**
   * Moves a layer, as overlayfs keeps one, over the whole tree `target`: whiteouts remove, opaque directories replace. Rubbish
   * stays in `layer`. With `keepRoot` the top of the target keeps its attributes.
   */
  merge(layer: string, target: string, options: { keepRoot: boolean }, signal?: AbortSignal): Promise<void>;
}

/** `kernelPath`: berth-kernel as `installNativeFiles` put it. */
export function createTrees(kernelPath: string): Trees {
  const start = (args: readonly string[]) => new TreeProgram(kernelPath, args);
  return {
    list: (directory, signal) => decodeTreeList(start(["tree-list", directory]).output(signal)),
    space: async (directory, signal) => Number(await start(["tree-space", directory]).text(signal)),
    compare: async (left, right, most, signal) => {
      const text = await start(["tree-compare", String(most), left, right]).text(signal);
      const parts = text.split("\0");
      const found: TreeDifference[] = [];
      for (let at = 0; at + 1 < parts.length; at += 2) {
        found.push({ path: parts[at] ?? "", what: parts[at + 1] ?? "" });
      }
      return found;
    },
    copy: async (source, target, signal) => {
      await start(["tree-copy", source, target]).text(signal);
    },
    merge: async (layer, target, { keepRoot }, signal) => {
      await start(["tree-merge", ...(keepRoot ? ["--keep-root"] : []), layer, target]).text(signal);
    },
  };
}

const EXHAUSTED = new Set(["ENOSPC", "EDQUOT", "ENOMEM", "EMFILE", "ENFILE"]);

class TreeProgram {
  constructor(
    private readonly kernelPath: string,
    private readonly args: readonly string[],
  ) {}

  async text(signal: AbortSignal | undefined): Promise<string> {
    const pieces: Uint8Array[] = [];
    for await (const piece of this.output(signal)) pieces.push(piece);
    return Buffer.concat(pieces).toString("latin1");
  }

  /** Standard output; throws at its end when the program failed. The process is gone when the loop is left. */
  async *output(signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
    if (signal?.aborted) throw this.canceled(signal);
    const child = Bun.spawn([this.kernelPath, ...this.args], {
      cwd: "/",
      env: {},
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const message = child.stderr.text();
    const kill = () => child.kill("SIGKILL");
    signal?.addEventListener("abort", kill);
    try {
      yield* child.stdout;
      await child.exited;
      if (signal?.aborted) throw this.canceled(signal);
      if (child.exitCode !== 0) throw this.failure(child.exitCode, child.signalCode, (await message).trim());
    } finally {
      signal?.removeEventListener("abort", kill);
      kill();
      await child.exited;
    }
  }

  private canceled(signal: AbortSignal): EngineError {
    return new EngineError("canceled", `${this.args[0]} was canceled`, { cause: signal.reason });
  }

  private failure(code: number | null, signal: unknown, message: string): EngineError {
    if (code === 1) return new EngineError("invalid", message);
    const errno = /^E[A-Z0-9]+(?=: )/.exec(message)?.[0];
    const kind = errno !== undefined && EXHAUSTED.has(errno) ? "exhausted" : "internal";
    const why = message === "" ? `${signal ?? `exit code ${code}`}` : message;
    return new EngineError(kind, `${this.args[0]} failed: ${why}`, { details: { errno } });
  }
}
