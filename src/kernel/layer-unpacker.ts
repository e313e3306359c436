import { setImmediate } from "node:timers/promises";
import { EngineError } from "../base/errors.ts";
import { endInput, writeInput } from "./child-input.ts";
import type { LayerUnpacker, UnpackResult } from "./shim-session.ts";

export interface LayerUnpackerOptions {
  readonly kernelPath: string;
  /**
   * Write the target's file system to the disk before `unpack` resolves, so that a rename afterwards commits a layer that
   * survives a power cut. Default true.
   */
  readonly sync?: boolean;
  /** Defaults of berth-kernel: two million files, 64 GiB. */
  readonly mostEntries?: number;
  readonly mostBytes?: number;
}

const BYTES_PER_TURN = 1 << 20;

type UnpackProcess = Bun.Subprocess<"pipe", "pipe", "pipe">;

/**
 * Unpacks layers with `berth-kernel unpack`, one process for each, confined to its target (native/kernel/confine.c).
 * `unpack` throws invalid for the archive's faults, exhausted for a full disk, canceled after `signal`, what `tar` throws, and
 * internal for the rest.
 */
export function createLayerUnpacker(options: LayerUnpackerOptions): LayerUnpacker {
  const flags = [
    ...(options.sync === false ? [] : ["--sync"]),
    ...(options.mostEntries === undefined ? [] : ["--most-entries", String(options.mostEntries)]),
    ...(options.mostBytes === undefined ? [] : ["--most-bytes", String(options.mostBytes)]),
  ];
  return {
    async unpack(target, tar, signal) {
      if (signal?.aborted) throw canceled(signal);
      const child = Bun.spawn([options.kernelPath, "unpack", ...flags, "--", target], {
        cwd: "/",
        env: {},
        stdin: "pipe",
        stdout: "pipe",
        stderr: "pipe",
      });
      const output = Promise.all([child.stdout.text(), child.stderr.text()]);
      const kill = () => child.kill("SIGKILL");
      signal?.addEventListener("abort", kill);
      try {
        await feed(child, tar);
        await child.exited;
        if (signal?.aborted) throw canceled(signal);
        const [size, message] = await output;
        return resultOf(child, size, message.trim());
      } finally {
        signal?.removeEventListener("abort", kill);
        // Nobody may go on writing into the target, which the caller removes after a failure.
        kill();
        await child.exited;
      }
    },
  };
}

/** Writes all of `tar` to the child, waiting while its pipe is full. Returns early when the child has ended. */
async function feed(child: UnpackProcess, tar: AsyncIterable<Uint8Array>): Promise<void> {
  const iterator = tar[Symbol.asyncIterator]();
  let giveUp = () => {};
  let hasEnded = false;
  void child.exited.then(() => {
    hasEnded = true;
    giveUp();
  });
  let sinceTurn = 0;
  // Not Promise.race() with `exited`: that would keep every chunk in memory until the child ends.
  const nextOrEnd = () => {
    if (hasEnded) return Promise.resolve(undefined);
    const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<Uint8Array> | undefined>();
    giveUp = () => resolve(undefined);
    iterator.next().then(resolve, reject);
    return promise;
  };
  for (let next = await nextOrEnd(); next !== undefined; next = await nextOrEnd()) {
    if (next.done) {
      await endInput(child.stdin);
      return;
    }
    if (!(await writeInput(child.stdin, next.value))) break;
    // With a source and a pipe that are always ready nobody else would run, nor would the child's end be seen.
    sinceTurn += next.value.length;
    if (sinceTurn >= BYTES_PER_TURN) {
      sinceTurn = 0;
      await setImmediate();
    }
  }
  // Not awaited: a source that waits for its own input ends when that does.
  Promise.resolve(iterator.return?.()).catch(() => undefined);
}

const EXHAUSTED = new Set(["ENOSPC", "EDQUOT", "ENOMEM", "EMFILE", "ENFILE"]);

function resultOf(child: UnpackProcess, size: string, message: string): UnpackResult {
  if (child.exitCode === 0 && /^\d+\n$/.test(size)) return { sizeBytes: Number(size) };
  if (child.exitCode === 1) throw new EngineError("invalid", message);
  if (child.exitCode === 2) {
    const errno = /^E[A-Z0-9]+(?=: )/.exec(message)?.[0];
    const kind = errno !== undefined && EXHAUSTED.has(errno) ? "exhausted" : "internal";
    throw new EngineError(kind, `cannot unpack the layer: ${message}`, { details: { errno } });
  }
  const reason = child.signalCode ?? `exit code ${child.exitCode}`;
  throw new EngineError(
    "internal",
    `unpacking the layer ended with ${reason}${message === "" ? "" : `: ${message}`}`,
  );
}

function canceled(signal: AbortSignal): EngineError {
  return new EngineError("canceled", "unpacking the layer was canceled", { cause: signal.reason });
}
