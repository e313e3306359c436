import { BugError, EngineError } from "../base/errors.ts";
import { PayloadWriter } from "./frames.ts";
import { KernelProcess } from "./kernel-process.ts";
import { Frame } from "./protocol.ts";
import { connectShim } from "./shim-connection.ts";
import type { KernelHelper } from "./shim-session.ts";

export interface KernelHelperOptions {
  /** The two programs as `installNativeFiles` put them. The shim's is read once: it may be removed afterwards. */
  readonly kernelPath: string;
  readonly shimPath: string;
  /** Called when berth-kernel ended though nobody closed it. The next request starts another one. */
  readonly onLoss?: (reason: string, messages: string) => void;
}

/**
 * Starts berth-kernel. Resolves when it is ready, throws unavailable when it cannot be started.
 * It holds nothing that outlives a request, so after a crash (which rejects what is pending with `unavailable`, since nobody
 * knows how far it came) a new one takes over.
 */
export async function startKernelHelper(options: KernelHelperOptions): Promise<KernelHelper> {
  const helper = new ReplaceableKernelHelper(options);
  await helper.process();
  return helper;
}

class ReplaceableKernelHelper implements KernelHelper {
  #process: Promise<KernelProcess> | undefined;
  #closed = false;

  constructor(private readonly options: KernelHelperOptions) {}

  process(): Promise<KernelProcess> {
    if (this.#closed) return Promise.reject(new EngineError("unavailable", "the daemon is shutting down"));
    this.#process ??= this.#start();
    return this.#process;
  }

  async spawnShim(directory: string, name: string) {
    const payload = new PayloadWriter().string(checked(directory)).string(checked(name)).finish();
    await this.#request(Frame.SPAWN_SHIM, payload, `start a shim in ${directory}`);
    return connectShim(directory);
  }

  connectShim(directory: string) {
    return connectShim(directory);
  }

  async removeTree(path: string): Promise<void> {
    await this.#request(
      Frame.REMOVE_TREE,
      new PayloadWriter().string(checked(path)).finish(),
      `remove ${path}`,
    );
  }

  async diskUsage(path: string): Promise<number> {
    const payload = new PayloadWriter().string(checked(path)).finish();
    const answer = await this.#request(Frame.DISK_USAGE, payload, `sum up ${path}`);
    return Number(answer.u64());
  }

  async close(): Promise<void> {
    this.#closed = true;
    const process = await this.#process?.catch(() => undefined);
    await process?.close();
  }

  async #request(type: number, payload: Uint8Array, what: string) {
    return (await this.process()).request(type, payload, what);
  }

  async #start(): Promise<KernelProcess> {
    try {
      const process = await KernelProcess.start(this.options.kernelPath, this.options.shimPath);
      void process.exited.then(({ reason, messages }) => {
        this.#process = undefined;
        if (!this.#closed) this.options.onLoss?.(reason, messages);
      });
      return process;
    } catch (error) {
      this.#process = undefined;
      if (error instanceof EngineError) throw error;
      throw new EngineError("unavailable", `cannot start ${this.options.kernelPath}`, { cause: error });
    }
  }
}

/** Paths are the daemon's own, resolved and checked long before: the C side would cut at a NUL. */
function checked(text: string): string {
  if (text.includes("\0")) throw new BugError("a path for berth-kernel holds a NUL byte");
  return text;
}
