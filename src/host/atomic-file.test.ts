import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isKind } from "../base/errors.ts";
import { readJsonFile, removeInterruptedWrites, writeFileAtomically } from "./atomic-file.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "berth-atomic-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe("writeFileAtomically", () => {
  test("replaces contents and mode and leaves nothing else", async () => {
    const path = join(directory, "a.json");
    await writeFile(path, "old", { mode: 0o644 });
    await writeFileAtomically(path, "new", 0o666);
    expect(await readFile(path, "utf8")).toBe("new");
    expect((await stat(path)).mode & 0o777).toBe(0o666);
    expect(await readdir(directory)).toEqual(["a.json"]);
  });

  test("is private by default and takes bytes", async () => {
    const path = join(directory, "key");
    await writeFileAtomically(path, new Uint8Array([0, 255, 10]));
    expect([...(await readFile(path))]).toEqual([0, 255, 10]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test("a reader that opened the old file goes on reading it", async () => {
    const path = join(directory, "a");
    await writeFileAtomically(path, "old");
    const { ino } = await stat(path);
    await writeFileAtomically(path, "new");
    expect((await stat(path)).ino).not.toBe(ino);
  });

  test("cleans up when the file cannot be put in place", async () => {
    const path = join(directory, "sub");
    await Bun.write(join(path, "inside"), "x");
    await expect(writeFileAtomically(path, "new")).rejects.toThrow();
    expect(await readdir(directory)).toEqual(["sub"]);
  });

  test("writers at the same moment do not mix", async () => {
    const path = join(directory, "a");
    const texts = Array.from({ length: 20 }, (_, n) => `${n}`.repeat(10_000));
    await Promise.all(texts.map((text) => writeFileAtomically(path, text)));
    expect(texts).toContain(await readFile(path, "utf8"));
    expect(await readdir(directory)).toEqual(["a"]);
  });
});

describe("readJsonFile", () => {
  test("gives what was written, undefined for no file, dataLoss for a damaged one", async () => {
    const path = join(directory, "a.json");
    expect(await readJsonFile(path)).toBeUndefined();
    await writeFileAtomically(path, JSON.stringify({ a: [1] }));
    expect(await readJsonFile(path)).toEqual({ a: [1] });
    await writeFile(path, '{"a":');
    const error = await readJsonFile(path).catch((caught: unknown) => caught);
    expect(isKind(error, "dataLoss")).toBe(true);
  });

  test("does not take other failures for a missing file", async () => {
    await expect(readJsonFile(directory)).rejects.toThrow("EISDIR");
  });
});

test("removeInterruptedWrites removes temporary files only", async () => {
  await writeFile(join(directory, ".berth-tmp-1234-a.json"), "half");
  await writeFile(join(directory, "kept"), "");
  await chmod(join(directory, "kept"), 0o400);
  await removeInterruptedWrites(directory);
  expect(await readdir(directory)).toEqual(["kept"]);
});
