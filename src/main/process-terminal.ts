import { writeSync } from "node:fs";
import type { Terminal } from "../cli/command.ts";

/** The terminal port over this process's own descriptors. Standard input is touched only by commands that read it. */
export class ProcessTerminal implements Terminal {
  get stdinIsTerminal(): boolean {
    return process.stdin.isTTY === true;
  }

  get stdoutIsTerminal(): boolean {
    return process.stdout.isTTY === true;
  }

  size(): { rows: number; columns: number } | undefined {
    if (process.stdout.isTTY !== true) return undefined;
    return { rows: process.stdout.rows, columns: process.stdout.columns };
  }

  onResize(listener: () => void): Disposable {
    return this.onSignal("SIGWINCH", listener);
  }

  rawMode(): Disposable {
    process.stdin.setRawMode(true);
    return {
      [Symbol.dispose]() {
        process.stdin.setRawMode(false);
      },
    };
  }

  get input(): AsyncIterable<Uint8Array> {
    return process.stdin;
  }

  stopInput(): void {
    process.stdin.pause();
  }

  onSignal(signal: NodeJS.Signals, listener: () => void): Disposable {
    process.on(signal, listener);
    return {
      [Symbol.dispose]() {
        process.off(signal, listener);
      },
    };
  }
}

/**
 * Writes all of it to a descriptor. Synchronous, so that stdout and stderr keep their order and nothing is lost when the
 * process exits; a full non-blocking pipe is waited for.
 */
export async function writeAll(descriptor: number, data: string | Uint8Array): Promise<void> {
  let rest = typeof data === "string" ? new TextEncoder().encode(data) : data;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}
