import { expect, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommitLog } from "./commit-log.ts";
import { openDatabase } from "./sqlite.ts";

async function openLog() {
  const path = join(mkdtempSync(join(tmpdir(), "berth-commit-log-")), "x.db");
  const database = openDatabase(path, [{ noun: "x", steps: ["CREATE TABLE x (y TEXT) STRICT"] }]);
  return { database, log: await CommitLog.open(path) };
}

test("those who come while a sync is under way share the next one", async () => {
  const { database, log } = await openLog();
  const first = log.synced();
  const second = log.synced();
  const third = log.synced();
  expect(second).not.toBe(first);
  expect(third).toBe(second);
  await Promise.all([first, third]);
  const later = log.synced();
  expect(later).not.toBe(third);
  await later;
  await log.close();
  database.close();
});

test("a failing disk is told to whoever waits, and does not stop later syncs from trying", async () => {
  const { database, log } = await openLog();
  await log.close();
  expect(log.synced()).rejects.toThrow();
  expect(log.synced()).rejects.toThrow();
  database.close();
});
