/** Needs `make native`. Root, for a mount. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { isKind } from "../../../src/base/errors.ts";
import { installNativeFiles } from "../../../src/kernel/native-files.ts";
import { failureOf, run } from "./kernel-fixture.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "berth-native-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("puts executables under names of their contents, and uses them again", async () => {
  const files = await installNativeFiles(directory);
  expect(basename(files.shim)).toMatch(/^berth-shim-[0-9a-f]{16}$/);
  expect(basename(files.kernel)).toMatch(/^berth-kernel-[0-9a-f]{16}$/);
  expect(statSync(files.kernel).mode & 0o7777).toBe(0o700);
  expect(Bun.spawnSync([files.kernel]).exitCode).toBe(64);
  const { ino } = statSync(files.kernel);
  expect(await installNativeFiles(directory)).toEqual(files);
  expect(statSync(files.kernel).ino).toBe(ino);
  expect(readdirSync(join(directory, "bin"))).toHaveLength(2);
});

test("replaces one that has other contents", async () => {
  const { kernel } = await installNativeFiles(directory);
  writeFileSync(kernel, "damaged");
  await installNativeFiles(directory);
  expect(Bun.spawnSync([kernel]).exitCode).toBe(64);
});

test("removes those of other versions", async () => {
  await installNativeFiles(directory);
  writeFileSync(join(directory, "bin/berth-shim-0123456789abcdef"), "of another version");
  await installNativeFiles(directory);
  expect(readdirSync(join(directory, "bin"))).toHaveLength(2);
});

test("says so when nothing can be executed there", async () => {
  run("mount", "-t", "tmpfs", "-o", "noexec", "tmpfs", directory);
  try {
    const error = await failureOf(installNativeFiles(directory));
    expect(isKind(error, "failedPrecondition")).toBe(true);
    expect(String(error)).toContain("noexec");
  } finally {
    run("umount", directory);
  }
});
