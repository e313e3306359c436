import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freezeAndWait } from "./cgroup-files.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-freezer-"));
afterAll(() => rmSync(directory, { recursive: true }));
const control = { file: join(directory, "cgroup.freeze"), value: "0" };
const isDone = (text: string) => text === "frozen 0";

test("a cgroup that goes before the freezer, or between freezer and state, is gone: no failure of its own", async () => {
  const state = { file: join(directory, "cgroup.events"), isDone };
  expect(freezeAndWait(control, state)).rejects.toMatchObject({ kind: "notFound" });
  writeFileSync(control.file, "1");
  expect(freezeAndWait(control, state)).rejects.toMatchObject({ kind: "notFound" });
});

test("what is done is done", async () => {
  const state = { file: join(directory, "done"), isDone };
  writeFileSync(control.file, "1");
  writeFileSync(state.file, "frozen 0");
  await freezeAndWait(control, state);
  expect(await Bun.file(control.file).text()).toBe("0");
});
