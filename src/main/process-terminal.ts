import type { Terminal, WindowSize } from "../cli/command.ts";
import { isTerminalDevice, setNoEcho, setRaw, windowSize } from "./terminal-device.ts";
import { writeStream } from "./write-all.ts";

const DESCRIPTORS = { stdin: 0, stdout: 1, stderr: 2 } as const;
/** What ends this program unless somebody listens, by number. */
const ENDING_SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 } as const;
/** Major number of /dev/null and its like. */
const MEMORY_DEVICES = 1;

/** The terminal port over this process's own descriptors. */
export class ProcessTerminal implements Terminal {
  #restore: (() => void) | undefined;

  isTerminal(stream: keyof typeof DESCRIPTORS): boolean {
    return isTerminal(DESCRIPTORS[stream]);
  }

  size(stream: "stdout" | "stderr" = "stdout"): WindowSize | undefined {
    return isTerminal(DESCRIPTORS[stream]) ? windowSize(DESCRIPTORS[stream]) : undefined;
  }

  onResize(listener: () => void): Disposable {
    return this.onSignal("SIGWINCH", listener);
  }

  rawMode(): Disposable {
    return this.#changed(setRaw(DESCRIPTORS.stdin));
  }

  hideInput(): Disposable {
    return this.#changed(setNoEcho(DESCRIPTORS.stdin));
  }

  /** The terminal was changed: `restore` is called when that is over, and when a signal ends the program. */
  #changed(restore: () => void): Disposable {
    this.#restore = restore;
    const endings = Object.entries(ENDING_SIGNALS).map(([name, number]) => {
      const signal = name as NodeJS.Signals;
      return this.onSignal(signal, () => {
        // Where the signals are passed on to the container they do not end this program.
        if (process.listenerCount(signal) === 1) this.exit(128 + number);
      });
    });
    return {
      [Symbol.dispose]: () => {
        this.#restore = undefined;
        restore();
        for (const ending of endings) ending[Symbol.dispose]();
      },
    };
  }

  input(): AsyncIterable<Uint8Array> {
    return Bun.stdin.stream();
  }

  stream(to: "stdout" | "stderr", data: Uint8Array): Promise<void> {
    return writeStream(DESCRIPTORS[to], data);
  }

  onSignal(signal: NodeJS.Signals, listener: () => void): Disposable {
    process.on(signal, listener);
    return {
      [Symbol.dispose]() {
        process.off(signal, listener);
      },
    };
  }

  exit(code: number): never {
    this.#restore?.();
    process.exit(code);
  }
}

/** Most streams are pipes, files or /dev/null: those are told apart without asking the terminal driver. */
function isTerminal(descriptor: number): boolean {
  try {
    const status = process.getBuiltinModule("node:fs").fstatSync(descriptor);
    if (!status.isCharacterDevice() || status.rdev >> 8 === MEMORY_DEVICES) return false;
  } catch {
    // Closed by the caller.
    return false;
  }
  return isTerminalDevice(descriptor);
}
