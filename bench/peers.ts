/** The engines under measurement, each on a throw-away root: ours, and Docker where a dockerd can be started. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Subprocess } from "bun";
import { mustRun } from "../test/support/run-command.ts";

export const IMAGE = "bench:latest";

/**
 * A dockerd of the path in BERTH_BENCH_DOCKERD, else of the PATH; undefined when there is none. Its containerd and runc
 * are looked for beside it first.
 */
export async function startDocker(): Promise<Peer | undefined> {
  const dockerd = process.env.BERTH_BENCH_DOCKERD ?? Bun.which("dockerd");
  if (dockerd === null || !existsSync(dockerd)) return undefined;
  const root = mkdtempSync("/tmp/berth-bench-docker-");
  const host = `unix://${root}/docker.sock`;
  const binaries = [dirname(dockerd), join(dirname(dockerd), "../bin"), join(dirname(dockerd), "../sbin")];
  const flags = [
    "--data-root",
    `${root}/d`,
    "--exec-root",
    `${root}/x`,
    "--pidfile",
    `${root}/pid`,
    "-H",
    host,
  ];
  const networkless = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"];
  const child = Bun.spawn([dockerd, ...flags, ...networkless], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: Bun.file(`${root}/log`),
    env: { ...process.env, PATH: `${binaries.join(":")}:${process.env.PATH}` },
  });
  const peer = new Peer("docker", "docker", host, child, root);
  if (await peer.listens()) return peer;
  process.stderr.write(`dockerd did not start: ${readFileSync(`${root}/log`, "utf8").slice(-500)}`);
  await peer.stop();
  return undefined;
}

export class Peer {
  constructor(
    readonly name: string,
    readonly cli: string,
    readonly host: string,
    private readonly child: Subprocess,
    private readonly root: string,
  ) {}

  /** For what is timed: its output goes nowhere, so that only the command counts and not somebody's reading of pipes. */
  time(...args: readonly string[]): Promise<void> {
    return runQuietly([this.cli, ...args], this.host);
  }

  run(...args: readonly string[]): Promise<string> {
    return mustRun([this.cli, ...args], { env: { DOCKER_HOST: this.host } });
  }

  /** Waits for the API for up to half a minute: dockerd has no line or descriptor that says it is ready. */
  async listens(): Promise<boolean> {
    for (let tries = 0; tries < 300 && this.child.exitCode === null; tries++) {
      const answered = await fetch("http://localhost/_ping", {
        unix: this.host.slice(7),
      } as RequestInit).catch(() => undefined);
      if (answered?.ok === true) return true;
      await Bun.sleep(100);
    }
    return false;
  }

  async stop(): Promise<void> {
    this.child.kill("SIGTERM");
    await this.child.exited;
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Runs a command line to its end without looking at its output. Throws when it fails. */
export async function runQuietly(argv: readonly string[], host: string): Promise<void> {
  const child = Bun.spawn([...argv], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "inherit",
    env: { ...process.env, DOCKER_HOST: host },
  });
  const code = await child.exited;
  if (code !== 0) throw new Error(`${argv.join(" ")} ended with ${code}`);
}
