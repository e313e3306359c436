/** berth-kernel without a daemon: compiled once per file, and a scratch directory that is empty again at the end. */

import { dlopen, FFIType } from "bun:ffi";
import { afterAll, beforeAll } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createLayerUnpacker, type LayerUnpackerOptions } from "../../../src/kernel/layer-unpacker.ts";
import { leftBehind, type MachineState, machineState } from "../../support/machine.ts";

/** `BERTH_KERNEL_SANITIZE=1` runs the same tests against a build with ASan and UBSan (and without the seccomp filter). */
export const SANITIZED = process.env.BERTH_KERNEL_SANITIZE === "1";
const NATIVE = resolve(import.meta.dir, "../../../native");
const FLAGS = SANITIZED
  ? ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
  : ["-O2", "-static", "-Wall", "-Wextra", "-Werror"];

export interface KernelFixture {
  readonly binary: string;
  /** A program that can stand in for the shim: tells what it was started with to whoever connects. */
  readonly fakeShim: string;
  /** A new empty directory. */
  directory(): string;
  unpack(
    archive: Uint8Array,
    options?: Partial<LayerUnpackerOptions>,
  ): Promise<{ target: string; sizeBytes: number }>;
}

function compile(output: string, sources: readonly string[], flags: readonly string[]): void {
  const build = Bun.spawnSync(
    [
      "cc",
      "-std=gnu17",
      "-D_GNU_SOURCE",
      "-D_FILE_OFFSET_BITS=64",
      "-Wno-unused-result",
      ...["include", "lib"].map((name) => `-I${join(NATIVE, name)}`),
      ...flags,
      ...sources,
      "-o",
      output,
    ],
    { stderr: "pipe" },
  );
  if (build.exitCode !== 0) throw new Error(build.stderr.toString());
}

function sourcesOf(folder: string): string[] {
  return readdirSync(join(NATIVE, folder))
    .filter((name) => name.endsWith(".c"))
    .map((name) => join(NATIVE, folder, name));
}

/** Registers beforeAll and afterAll; everything is there when the first test runs. */
export function withKernel(): KernelFixture {
  const scratch = mkdtempSync(join(tmpdir(), "berth-kernel-"));
  const binary = join(scratch, "berth-kernel");
  const fakeShim = join(scratch, "fake-shim");
  let before: MachineState;
  let directories = 0;
  const directory = () => {
    const path = join(scratch, `d${directories++}`);
    mkdirSync(path);
    return path;
  };
  beforeAll(() => {
    const options = SANITIZED ? [join(import.meta.dir, "sanitizer-options.c")] : [];
    compile(binary, [...sourcesOf("kernel"), ...sourcesOf("lib"), ...options], FLAGS);
    compile(
      fakeShim,
      [join(import.meta.dir, "fake-shim.c")],
      ["-O2", "-static", "-Wall", "-Wextra", "-Werror"],
    );
    before = machineState();
  }, 120_000);
  afterAll(() => {
    run("rm", "-rf", "--one-file-system", scratch);
    const left = leftBehind(before, machineState()).filter((line) => !line.startsWith("descriptors"));
    if (left.length > 0) throw new Error(`left on the machine:\n${left.join("\n")}`);
  }, 120_000);
  return {
    binary,
    fakeShim,
    directory,
    async unpack(archive, options = {}) {
      const target = directory();
      const unpacker = createLayerUnpacker({ kernelPath: binary, sync: false, ...options });
      const { sizeBytes } = await unpacker.unpack(target, inPieces(archive));
      return { target, sizeBytes };
    },
  };
}

/** Throws when the command fails. */
export function run(...command: readonly string[]): void {
  const result = Bun.spawnSync([...command], { stderr: "pipe" });
  if (result.exitCode !== 0) throw new Error(`${command.join(" ")}: ${result.stderr}`);
}

/** In pieces that end nowhere near a block's end. */
export async function* inPieces(
  archive: Uint8Array,
  size = 10_007,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < archive.length; at += size) yield archive.subarray(at, at + size);
}

/** Child processes of this one that run berth-kernel. */
export function kernelPids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const status = readFileSync(`/proc/${pid}/status`, "utf8");
        return status.startsWith("Name:\tberth-kernel\n") && status.includes(`\nPPid:\t${process.pid}\n`);
      } catch {
        return false;
      }
    })
    .map(Number);
}

const libc = dlopen("libc.so.6", {
  lgetxattr: { args: [FFIType.cstring, FFIType.cstring, FFIType.ptr, FFIType.u64], returns: FFIType.i64 },
});

/** Hex digits of an extended attribute, undefined when there is none. */
export function xattr(path: string, name: string): string | undefined {
  const value = new Uint8Array(256);
  const length = Number(
    libc.symbols.lgetxattr(Buffer.from(`${path}\0`), Buffer.from(`${name}\0`), value, value.length),
  );
  return length < 0 ? undefined : value.subarray(0, length).toHex();
}

export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it succeeded");
}
