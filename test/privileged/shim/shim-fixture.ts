/** Shims without a daemon: compiled once per file, started with a socket of their own, driven over the typed connection. */
import { afterAll, beforeAll } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { encodePlan, type PlanOperation } from "../../../src/kernel/plan.ts";
import { Op, Stdio } from "../../../src/kernel/protocol.ts";
import { connectShim } from "../../../src/kernel/shim-connection.ts";
import type { ExitStatus, ProcessStream, ShimSession } from "../../../src/kernel/shim-session.ts";
import { leftBehind, type MachineState, machineState } from "../../support/machine.ts";

/** `BERTH_SHIM_SANITIZE=1` runs the same tests against a build with ASan and UBSan. */
export const SANITIZED = process.env.BERTH_SHIM_SANITIZE === "1";
const ROOT = resolve(import.meta.dir, "../../..");
const NATIVE = join(ROOT, "native");

export const BUSYBOX = "/bin/busybox";

export interface RunningShim {
  readonly pid: number;
  readonly directory: string;
  readonly session: ShimSession;
  /** Resolves with the shim's own exit code. */
  readonly ended: Promise<number>;
  /** The init's end. */
  readonly exited: Promise<ExitStatus>;
  path(name: string): string;
}

export interface ShimFixture {
  start(): Promise<RunningShim>;
  readonly binary: string;
}

function compile(output: string, sources: readonly string[], flags: readonly string[]): void {
  const include = ["include", "lib", "init"].map((name) => `-I${join(NATIVE, name)}`);
  const build = Bun.spawnSync(
    [
      "cc",
      "-std=gnu17",
      "-D_GNU_SOURCE",
      "-D_FILE_OFFSET_BITS=64",
      ...include,
      ...flags,
      ...sources,
      "-o",
      output,
    ],
    { stderr: "pipe" },
  );
  if (build.exitCode !== 0) throw new Error(build.stderr.toString());
}

function sourcesOf(...folders: string[]): string[] {
  return folders.flatMap((folder) =>
    readdirSync(join(NATIVE, folder))
      .filter((name) => name.endsWith(".c"))
      .map((name) => join(NATIVE, folder, name)),
  );
}

/** Registers the compilation, the removal of all, and a check that nothing is left on the machine. */
export function withShims(): ShimFixture {
  const scratch = mkdtempSync(join(tmpdir(), "berth-shim-"));
  const binary = join(scratch, SANITIZED ? "sanitized-shim" : "berth-shim");
  const launcher = join(scratch, "launch-shim");
  const shims: { kill(): void; ended: Promise<number>; session: ShimSession }[] = [];
  let before: MachineState;

  beforeAll(() => {
    before = machineState();
    const sanitize = [
      "-g",
      "-fsanitize=address,undefined",
      "-fno-sanitize-recover",
      "-fno-omit-frame-pointer",
    ];
    compile(
      binary,
      sourcesOf("lib", "init", "shim"),
      SANITIZED
        ? sanitize
        : ["-O2", "-static", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"],
    );
    compile(launcher, [join(import.meta.dir, "launch-shim.c")], []);
  }, 120_000);

  afterAll(async () => {
    for (const shim of shims) {
      await shim.session.abandon().catch(() => shim.session.close());
      await shim.ended;
    }
    rmSync(scratch, { recursive: true, force: true });
    const left = leftBehind(before, machineState()).filter((line) => !line.startsWith("descriptors"));
    if (left.length > 0) throw new Error(`left on the machine:\n${left.join("\n")}`);
  }, 30_000);

  return {
    binary,
    async start() {
      const directory = join(scratch, `${shims.length}`);
      mkdirSync(directory);
      const child = Bun.spawn([launcher, directory, binary, "test"], {
        stdin: "ignore",
        stdout: "pipe",
        stderr: "inherit",
      });
      const reader = child.stdout.getReader();
      await reader.read();
      reader.releaseLock();
      const session = await connectShim(directory);
      const shim = {
        pid: child.pid,
        directory,
        session,
        ended: child.exited,
        exited: exitOf(session, 0),
        path: (name: string) => join(directory, name),
      };
      shims.push({ kill: () => child.kill(9), ended: child.exited, session });
      return shim;
    },
  };
}

export function exitOf(session: ShimSession, number: number): Promise<ExitStatus> {
  return new Promise((resolveExit) => {
    session.onExit((process, status) => {
      if (process === number) resolveExit(status);
    });
  });
}

export const environment: PlanOperation = { op: Op.ENVIRONMENT, args: ["PATH=/bin:/usr/bin", "TERM=dumb"] };

/** A program without a root of its own: what is tested is the shim, not the isolation. */
export function launchPlan(
  flags: number,
  argv: readonly string[],
  more: readonly PlanOperation[] = [],
): Uint8Array {
  return encodePlan([
    { op: Op.STDIO, args: [flags, 0, 0] },
    ...more,
    environment,
    { op: Op.EXEC, args: argv },
  ]);
}

export function shell(script: string): readonly string[] {
  return [BUSYBOX, "sh", "-c", script];
}

/** CLONE_NEWPID: the kernel ends everything with the init. */
export const NEW_PID = 0x20000000;
export const NEW_MOUNT = 0x00020000;

export async function prepare(shim: RunningShim, more: readonly PlanOperation[] = []): Promise<number> {
  const plan = encodePlan([
    ...more,
    { op: Op.NAMESPACES, args: [NEW_PID] },
    { op: Op.EXIT_RECORD, args: [shim.path("exit")] },
  ]);
  return (await shim.session.prepare(plan)).pid;
}

export interface CollectedOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/** Reads to the end. */
export async function collect(stream: ProcessStream): Promise<CollectedOutput> {
  const parts = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  for await (const chunk of stream.output) parts[chunk.stream].push(chunk.data);
  return {
    stdout: Buffer.concat(parts.stdout).toString(),
    stderr: Buffer.concat(parts.stderr).toString(),
  };
}

export const ALL = { stdin: true, stdout: true, stderr: true } as const;
export const OUTPUT = { stdin: false, stdout: true, stderr: true } as const;

/** prepare, attach, launch. */
export async function run(
  fixture: ShimFixture,
  flags: number,
  argv: readonly string[],
  more: readonly PlanOperation[] = [],
): Promise<{ shim: RunningShim; stream: ProcessStream }> {
  const shim = await fixture.start();
  await prepare(shim);
  const stream = await shim.session.attach(0, (flags & Stdio.STDIN_OPEN) !== 0 ? ALL : OUTPUT);
  await shim.session.launch(launchPlan(flags, argv, more));
  return { shim, stream };
}

export function readText(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}
