/** Builds small roots and launch plans, and runs them through driver.c: a shim without a daemon. */
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { encodePlan, type PlanOperation } from "../../../src/kernel/plan.ts";
import { Op, type OpCode } from "../../../src/kernel/protocol.ts";

const NATIVE = resolve(import.meta.dir, "../../../native");
const APPLETS = "sh cat ls id true sleep stat touch tty readlink hostname grep cut tr wc sort mkdir".split(
  " ",
);

export const MS = { RDONLY: 1, BIND: 4096, REC: 16384, PRIVATE: 1 << 18, SLAVE: 1 << 19 } as const;
export const NEW = {
  NS: 0x20000,
  CGROUP: 0x2000000,
  UTS: 0x4000000,
  IPC: 0x8000000,
  USER: 0x10000000,
  PID: 0x20000000,
  NET: 0x40000000,
} as const;
export const USUAL = NEW.NS | NEW.UTS | NEW.IPC | NEW.PID | NEW.NET | NEW.CGROUP;

/** Docker's fourteen. */
export const DOCKER_CAPABILITIES = 0xa80425fbn;

export interface Outcome {
  readonly pid: number;
  readonly op: number;
  readonly index: number;
  readonly errno: number;
  readonly step: string;
  readonly path: string;
  readonly code: number;
  readonly signal: number;
  readonly launchUs: number;
}

export interface Run {
  readonly first: Outcome;
  readonly second: Outcome | undefined;
  readonly cloneErrno: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export function op(code: OpCode, ...args: PlanOperation["args"]): PlanOperation {
  return { op: code, args };
}

/** Compiles driver.c; `flags` are added (sanitizers need a dynamic program). */
export function compileDriver(directory: string, name: string, flags: readonly string[]): string {
  const program = join(directory, name);
  const init = readdirSync(join(NATIVE, "init")).filter((file) => file.endsWith(".c"));
  const sources = [
    join(import.meta.dir, "driver.c"),
    join(NATIVE, "lib/plan.c"),
    ...init.map((file) => join(NATIVE, "init", file)),
  ];
  const includes = ["include", "lib", "init"].map((folder) => `-I${join(NATIVE, folder)}`);
  const strict = ["-std=gnu17", "-Wall", "-Wextra", "-Werror", "-Wno-unused-result", "-D_GNU_SOURCE"];
  const result = spawnSync("cc", [...strict, ...includes, ...flags, ...sources, "-o", program], {
    encoding: "utf8",
  });
  if (result.status !== 0) throw new Error(result.stderr);
  return program;
}

export interface PlanParts {
  /** In the order of a real plan: before proc and dev are mounted, after it, after the pivot, and before the program. */
  readonly early?: readonly PlanOperation[];
  readonly inRoot?: readonly PlanOperation[];
  readonly inside?: readonly PlanOperation[];
  readonly last?: readonly PlanOperation[];
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly env?: readonly string[];
  readonly cwd?: string;
  readonly argv: readonly string[];
  /** Overrides CREDENTIALS. */
  readonly credentials?: readonly bigint[];
}

const PATH = "PATH=/usr/bin:/bin";

function credentials(sets: readonly bigint[] | undefined): PlanOperation {
  return op(
    Op.CREDENTIALS,
    ...(sets ?? [DOCKER_CAPABILITIES, DOCKER_CAPABILITIES, DOCKER_CAPABILITIES, 0n, 0n]),
  );
}

export function shell(script: string): string[] {
  return ["sh", "-c", script];
}

export function expectLaunched(outcome: Outcome | undefined): void {
  expect(outcome).toMatchObject({ errno: 0, step: "", path: "" });
}

/**
 * A fresh bundle for each test of the calling file. After the last one the machine must have the mounts it had before.
 */
export function useBundle(): Bundle {
  const mounts = () => readFileSync("/proc/self/mountinfo", "utf8");
  const bundle = new Bundle();
  let before: string;
  let build: string;
  let driver: string;
  beforeAll(() => {
    before = mounts();
    build = mkdtempSync(join(tmpdir(), "berth-init-build-"));
    driver = compileDriver(build, "driver", ["-O1", "-static"]);
  });
  beforeEach(() => bundle.open(driver));
  afterEach(() => bundle.close());
  afterAll(() => {
    rmSync(build, { recursive: true });
    expect(mounts()).toBe(before);
  });
  return bundle;
}

/** A directory with a root for containers in it, and a mount point; `close` removes it. */
export class Bundle {
  directory = "";
  root = "";
  merged = "";
  private driver = "";
  private runs = 0;

  open(driver: string): void {
    this.driver = driver;
    this.directory = mkdtempSync(join(tmpdir(), "berth-init-"));
    this.root = join(this.directory, "root");
    this.merged = join(this.directory, "merged");
    for (const folder of ["bin", "etc", "tmp", "proc", "sys", "dev"])
      mkdirSync(join(this.root, folder), { recursive: true });
    mkdirSync(this.merged);
    copyFileSync("/bin/busybox", join(this.root, "bin/busybox"));
    for (const applet of APPLETS) symlinkSync("busybox", join(this.root, "bin", applet));
    writeFileSync(
      join(this.root, "etc/passwd"),
      "root:x:0:0:root:/root:/bin/sh\nbroken:x:zero:0::/:\nann:x:1000:1001:Ann:/home/ann:/bin/sh\n",
    );
    writeFileSync(
      join(this.root, "etc/group"),
      "root:x:0:root\nann:x:1001:\nwheel:x:10:root,ann\naudio:x:29:ann\n",
    );
  }

  close(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  launch(parts: PlanParts): PlanOperation[] {
    return [
      op(Op.PROPAGATION, "/", MS.REC | MS.PRIVATE),
      op(Op.MOUNT, "none", this.root, this.merged, MS.BIND, ""),
      op(Op.ROOT, this.merged),
      ...(parts.early ?? []),
      op(Op.MOUNT_IN, "proc", "proc", "/proc", 2 | 4 | 8, ""),
      op(Op.MOUNT_IN, "tmpfs", "tmpfs", "/dev", 2, "mode=755,size=65536k"),
      op(Op.MOUNT_IN, "devpts", "devpts", "/dev/pts", 2 | 8, "newinstance,ptmxmode=0666,mode=0620"),
      op(Op.DEVICE, "/dev/null", 0o20666, 1, 3, 0, 0),
      op(Op.DEVICE, "/dev/tty", 0o20666, 5, 0, 0, 0),
      op(Op.SYMLINK, "pts/ptmx", "/dev/ptmx"),
      ...(parts.inRoot ?? []),
      op(Op.PIVOT),
      ...(parts.inside ?? []),
      ...this.program(parts),
    ];
  }

  program(parts: PlanParts): PlanOperation[] {
    return [
      op(Op.USER, parts.user ?? "", ...(parts.groups ?? [])),
      op(Op.WORKDIR, parts.cwd ?? "/"),
      credentials(parts.credentials),
      ...(parts.last ?? []),
      op(Op.ENVIRONMENT, ...(parts.env ?? [PATH])),
      op(Op.EXEC, ...parts.argv),
    ];
  }

  /** Runs a plan and, when given, a second one inside the first's namespaces. */
  run(plan: readonly PlanOperation[], options: readonly string[] = [], exec?: readonly PlanOperation[]): Run {
    const number = this.runs++;
    const file = (name: string) => join(this.directory, `${name}-${number}`);
    writeFileSync(file("plan"), encodePlan(plan));
    if (exec) writeFileSync(file("exec"), encodePlan(exec));
    const flags = options.includes("--flags") ? [] : ["--flags", String(USUAL)];
    const execFlags = exec ? ["--exec", file("exec")] : [];
    const result = spawnSync(
      this.driver,
      ["--outcome", file("outcome"), ...flags, ...options, ...execFlags, file("plan")],
      { encoding: "utf8", timeout: 10_000, stdio: ["ignore", "pipe", "pipe"] },
    );
    if (result.status !== 0) throw new Error(`driver: ${result.status} ${result.signal} ${result.stderr}`);
    const outcomes = JSON.parse(readFileSync(file("outcome"), "utf8"));
    return {
      first: outcomes[0],
      second: outcomes[1],
      cloneErrno: outcomes[0].cloneErrno,
      stdout: result.stdout,
      stderr: result.stderr,
    };
  }
}
