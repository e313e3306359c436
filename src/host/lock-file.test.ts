import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isKind } from "../base/errors.ts";
import { acquireLock } from "./lock-file.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "berth-lock-"));
  path = join(directory, "lock");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function failure(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** Another process that has the lock. */
async function startHolder() {
  const script = `
    import { acquireLock } from ${JSON.stringify(join(import.meta.dir, "lock-file.ts"))};
    acquireLock(${JSON.stringify(path)});
    Bun.gc(true);
    console.log("held");
    setInterval(() => {}, 1000);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  const { value } = await child.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("held\n");
  return child;
}

test("a second holder is refused until the first releases", () => {
  const first = acquireLock(path);
  expect(
    isKind(
      failure(() => acquireLock(path)),
      "failedPrecondition",
    ),
  ).toBe(true);
  first.release();
  acquireLock(path).release();
});

test("another process is refused and told who has it; a killed holder has it no longer", async () => {
  const child = await startHolder();
  const error = failure(() => acquireLock(path));
  expect(isKind(error, "failedPrecondition")).toBe(true);
  expect(String(error)).toContain(`${path} is held by another berth daemon (process ${child.pid})`);
  child.kill("SIGKILL");
  await child.exited;
  acquireLock(path).release();
});

test("what an earlier crash left is no lock", () => {
  writeFileSync(path, "");
  writeFileSync(`${path}.pid`, `${process.pid}\n`);
  acquireLock(path).release();
});

test("release is harmless twice and does not free another's lock", () => {
  const first = acquireLock(path);
  first.release();
  const second = acquireLock(path);
  first.release();
  expect(
    isKind(
      failure(() => acquireLock(path)),
      "failedPrecondition",
    ),
  ).toBe(true);
  second.release();
});

test("an unusable path is no lock held by somebody", () => {
  const error = failure(() => acquireLock(join(directory, "missing", "lock")));
  expect(error).toBeInstanceOf(Error);
  expect(isKind(error, "failedPrecondition")).toBe(false);
});
