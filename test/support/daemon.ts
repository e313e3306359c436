/** A real daemon on a root of its own, with the stock docker client pointed at it. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { type CommandOptions, type CommandResult, mustRun, runCommand } from "./run-command.ts";

const REPOSITORY = join(import.meta.dir, "../..");
export const BERTH = join(REPOSITORY, "dist/berth");

export class TestDaemon {
  readonly root = mkdtempSync(join(tmpdir(), "berth-"));
  readonly socket = join(this.root, "b.sock");
  readonly host = `unix://${this.socket}`;
  #process: Subprocess<"ignore", "ignore", "pipe"> | undefined;
  #log = "";

  /** Resolves when the API listens. */
  async start(extraFlags: readonly string[] = []): Promise<void> {
    if (!existsSync(BERTH)) throw new Error(`${BERTH} is not built: run make`);
    const flags = [
      "--host",
      this.host,
      "--data-root",
      join(this.root, "d"),
      "--exec-root",
      join(this.root, "x"),
    ];
    const child = Bun.spawn([BERTH, "daemon", ...flags, "--log-level", "debug", ...extraFlags], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    this.#process = child;
    await this.#untilListening(child);
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** What the daemon has logged so far. */
  get log(): string {
    return this.#log;
  }

  async #untilListening(child: Subprocess<"ignore", "ignore", "pipe">): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const decoder = new TextDecoder();
    const read = async () => {
      for await (const chunk of child.stderr) {
        this.#log += decoder.decode(chunk, { stream: true });
        if (this.#log.includes("API listen on")) resolve();
      }
      reject(new Error(`the daemon ended before it listened: ${this.#log}`));
    };
    read().catch(reject);
    await promise;
    // Later text belongs to a later start.
    this.#log = this.#log.replaceAll("API listen on", "API listened on");
  }

  /** SIGTERM, or SIGKILL for a crash; resolves when it is gone. Containers go on. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<number> {
    const child = this.#process;
    if (child === undefined) return 0;
    this.#process = undefined;
    child.kill(signal);
    return await child.exited;
  }

  /** Removes every container, ends the daemon, deletes its root. */
  async dispose(): Promise<void> {
    // Also one that something has killed: its containers must not stay.
    const ended = this.#process?.exitCode !== null || this.#process.signalCode !== null;
    if (ended) await this.start();
    const ids = (await this.docker("ps", "-aq")).stdout.split("\n").filter((id) => id !== "");
    if (ids.length > 0) await this.docker("rm", "-f", ...ids);
    await this.stop();
    rmSync(this.root, { recursive: true, force: true });
  }

  /** The stock docker client. */
  docker(...args: readonly string[]): Promise<CommandResult> {
    return this.dockerWith({}, ...args);
  }

  dockerWith(options: CommandOptions, ...args: readonly string[]): Promise<CommandResult> {
    return runCommand(["docker", ...args], { ...options, env: { ...options.env, DOCKER_HOST: this.host } });
  }

  /** The stock client where success is a precondition of the test. Output without its last newline. */
  async mustDocker(...args: readonly string[]): Promise<string> {
    return (await mustRun(["docker", ...args], { env: { DOCKER_HOST: this.host } })).replace(/\n$/, "");
  }

  /** Our own command line. */
  berth(...args: readonly string[]): Promise<CommandResult> {
    return runCommand([BERTH, ...args], { env: { DOCKER_HOST: this.host } });
  }

  /** A raw request to the API. */
  api(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`http://localhost${path}`, { method, ...init, unix: this.socket } as RequestInit);
  }
}
