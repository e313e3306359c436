/** Removing and measuring trees that somebody else filled. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type EngineError, isKind } from "../../../src/base/errors.ts";
import { startKernelHelper } from "../../../src/kernel/kernel-helper.ts";
import type { KernelHelper } from "../../../src/kernel/shim-session.ts";
import { failureOf, kernelPids, run, withKernel } from "./kernel-fixture.ts";

let helper: KernelHelper;
// Registered before the fixture's own, which looks for processes that were left.
afterAll(async () => {
  await helper.close();
  expect(kernelPids()).toEqual([]);
});
const kernel = withKernel();
beforeAll(async () => {
  helper = await startKernelHelper({ kernelPath: kernel.binary, shimPath: kernel.fakeShim });
});

/** A chain of directories, deeper than any path may be long. */
function makeChain(top: string, depth: number): void {
  const script = `my $d = shift; for (1..shift) { mkdir $d or die "mkdir: $!"; chdir $d or die "chdir: $!"; $d = "d" x 200 }
    open my $f, ">", "file" or die; print $f "12345";`;
  run("perl", "-e", script, top, String(depth));
}

function makeFiles(directory: string, count: number): void {
  mkdirSync(directory, { recursive: true });
  for (let n = 0; n < count; n++) writeFileSync(join(directory, `f${n}`), "x");
}

describe("removeTree", () => {
  test("a small tree, a single file, a link, and nothing", async () => {
    const scratch = kernel.directory();
    makeFiles(join(scratch, "small/a/b"), 5);
    makeFiles(join(scratch, "kept"), 2);
    symlinkSync(join(scratch, "kept"), join(scratch, "small/a/link"));
    symlinkSync(join(scratch, "kept"), join(scratch, "link"));
    writeFileSync(join(scratch, "file"), "x");
    for (const name of ["small", "link", "file", "missing", "missing/below"]) {
      await helper.removeTree(join(scratch, name));
    }
    expect(readdirSync(scratch)).toEqual(["kept"]);
    expect(readdirSync(join(scratch, "kept")).sort()).toEqual(["f0", "f1"]);
  });

  test("many files and directories", async () => {
    const scratch = kernel.directory();
    for (let n = 0; n < 40; n++) makeFiles(join(scratch, `big/d${n}/${n % 3}/x`), 40);
    makeFiles(join(scratch, "big/wide"), 3000);
    for (let n = 0; n < 500; n++) mkdirSync(join(scratch, `big/empty/${n}`), { recursive: true });
    await helper.removeTree(join(scratch, "big"));
    expect(readdirSync(scratch)).toEqual([]);
  });

  test("a chain of three thousand directories whose path is too long for any call", async () => {
    const scratch = kernel.directory();
    makeChain(join(scratch, "deep"), 3000);
    await helper.removeTree(join(scratch, "deep"));
    expect(readdirSync(scratch)).toEqual([]);
  });

  test("stops at a mount, of this file system or another, and leaves its contents", async () => {
    const scratch = kernel.directory();
    for (const kind of ["bind", "tmpfs", "file"]) {
      const top = join(scratch, kind);
      const source = join(scratch, "precious");
      makeFiles(source, 3);
      makeFiles(join(top, "a"), 200);
      const point = join(top, "a/point");
      if (kind === "file") writeFileSync(point, "");
      else mkdirSync(point);
      if (kind === "tmpfs") run("mount", "-t", "tmpfs", "tmpfs", point);
      else run("mount", "--bind", kind === "file" ? join(source, "f0") : source, point);
      try {
        if (kind === "tmpfs") writeFileSync(join(point, "inside"), "x");
        const error = await failureOf(helper.removeTree(top));
        expect(isKind(error, "failedPrecondition")).toBe(true);
        expect(isKind(await failureOf(helper.removeTree(point)), "failedPrecondition")).toBe(true);
        if (kind === "tmpfs") expect(readdirSync(point)).toEqual(["inside"]);
        expect(readdirSync(source).sort()).toEqual(["f0", "f1", "f2"]);
      } finally {
        run("umount", point);
      }
      await helper.removeTree(top);
      expect(existsSync(top)).toBe(false);
    }
  });

  test("says what the kernel refused", async () => {
    const scratch = kernel.directory();
    mkdirSync(join(scratch, "top"));
    writeFileSync(join(scratch, "top/fixed"), "x");
    run("chattr", "+i", join(scratch, "top/fixed"));
    try {
      const error = await failureOf(helper.removeTree(join(scratch, "top")));
      expect((error as EngineError).message).toBe(
        `cannot remove ${join(scratch, "top")}: unlink fixed: EPERM`,
      );
    } finally {
      run("chattr", "-i", join(scratch, "top/fixed"));
    }
  });

  test("takes no path that is not absolute and clean at its end", async () => {
    for (const path of ["relative", "", "/tmp/x/", "/tmp/..", "/tmp/."]) {
      expect(String(await failureOf(helper.removeTree(path)))).toContain("EINVAL");
    }
    await expect(helper.removeTree("/tmp/a\0b")).rejects.toThrow("NUL");
  });

  test("more requests at once than there are workers", async () => {
    const scratch = kernel.directory();
    const names = Array.from({ length: 30 }, (_, n) => join(scratch, `t${n}`));
    for (const name of names) makeFiles(name, 150);
    const order = await Promise.all([
      ...names.map((name) => helper.removeTree(name)),
      helper.diskUsage(kernel.directory()),
    ]);
    expect(order.at(-1)).toBe(0);
    expect(readdirSync(scratch)).toEqual([]);
  });
});

describe("diskUsage", () => {
  test("sums what is no directory, each inode once", async () => {
    const scratch = kernel.directory();
    mkdirSync(join(scratch, "a/b"), { recursive: true });
    writeFileSync(join(scratch, "a/one"), "x".repeat(1000));
    linkSync(join(scratch, "a/one"), join(scratch, "a/b/again"));
    linkSync(join(scratch, "a/one"), join(scratch, "third"));
    writeFileSync(join(scratch, "sparse"), "");
    truncateSync(join(scratch, "sparse"), 5_000_000_000);
    symlinkSync("12345678", join(scratch, "link"));
    expect(await helper.diskUsage(scratch)).toBe(1000 + 5_000_000_000 + 8);
    expect(await helper.diskUsage(join(scratch, "third"))).toBe(1000);
  });

  test("many hard links, wide and deep trees", async () => {
    const scratch = kernel.directory();
    makeFiles(join(scratch, "wide"), 2500);
    for (let n = 0; n < 2000; n++) linkSync(join(scratch, `wide/f${n}`), join(scratch, `wide/l${n}`));
    makeChain(join(scratch, "deep"), 3000);
    expect(await helper.diskUsage(scratch)).toBe(2500 + 5);
    await helper.removeTree(join(scratch, "deep"));
  });

  test("of nothing is notFound; mounts are an error, not counted", async () => {
    const scratch = kernel.directory();
    expect(isKind(await failureOf(helper.diskUsage(join(scratch, "missing"))), "notFound")).toBe(true);
    mkdirSync(join(scratch, "point"));
    run("mount", "-t", "tmpfs", "tmpfs", join(scratch, "point"));
    try {
      expect(isKind(await failureOf(helper.diskUsage(scratch)), "failedPrecondition")).toBe(true);
    } finally {
      run("umount", join(scratch, "point"));
    }
  });

  test("goes on while a tree is measured that changes all the time", async () => {
    const scratch = kernel.directory();
    const script = `for ((i = 0; i < 3000; i++)); do mkdir -p a$((i % 7))/b/c; echo > a$((i % 5))/f; mv a$((i % 7)) m$i; rm -rf m$((i - 3)); done`;
    const child = Bun.spawn(["bash", "-c", script], { cwd: scratch, stderr: "ignore" });
    let ended = false;
    void child.exited.then(() => {
      ended = true;
    });
    for (let round = 0; round < 200 && !ended; round++)
      expect(await helper.diskUsage(scratch)).toBeLessThan(100);
    child.kill("SIGKILL");
    await child.exited;
  }, 30_000);
});
