import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isKind } from "../base/errors.ts";
import { type Migrations, openDatabase, reserveSpace } from "./sqlite.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "berth-sqlite-"));
  path = join(directory, "a.db");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const FIRST = "CREATE TABLE things (name TEXT PRIMARY KEY) STRICT";
const SECOND = "ALTER TABLE things ADD COLUMN size INTEGER NOT NULL DEFAULT 7";

function things(...steps: string[]): Migrations[] {
  return [{ noun: "things", steps }];
}

test("opens with the durability that crash safety needs", () => {
  const database = openDatabase(path, things(FIRST));
  const pragma = (name: string) => Object.values(database.query(`PRAGMA ${name}`).get() ?? {})[0];
  expect(pragma("journal_mode")).toBe("wal");
  expect(pragma("synchronous")).toBe(2);
  expect(pragma("foreign_keys")).toBe(1);
  database.close();
});

test("brings tables up to date step by step and keeps their rows", () => {
  const first = openDatabase(path, things(FIRST));
  first.exec("INSERT INTO things VALUES ('a')");
  first.close();
  const second = openDatabase(path, things(FIRST, SECOND));
  expect(second.query("SELECT * FROM things").all()).toEqual([{ name: "a", size: 7 }]);
  second.close();
  openDatabase(path, things(FIRST, SECOND)).close();
});

test("nouns have versions of their own", () => {
  openDatabase(path, things(FIRST)).close();
  const other: Migrations = { noun: "others", steps: ["CREATE TABLE others (n INTEGER) STRICT"] };
  const database = openDatabase(path, [...things(FIRST), other]);
  expect(database.query("SELECT noun, version FROM schema_versions ORDER BY noun").all()).toEqual([
    { noun: "others", version: 1 },
    { noun: "things", version: 1 },
  ]);
  database.close();
});

test("a step that fails changes nothing", () => {
  openDatabase(path, things(FIRST)).close();
  expect(() => openDatabase(path, things(FIRST, SECOND, "NOT SQL"))).toThrow();
  const database = openDatabase(path, things(FIRST));
  expect(database.query("SELECT * FROM things").columnNames).toEqual(["name"]);
  database.close();
});

test("a file of a newer program is refused, not damaged", () => {
  openDatabase(path, things(FIRST, SECOND)).close();
  let error: unknown;
  try {
    openDatabase(path, things(FIRST));
  } catch (caught) {
    error = caught;
  }
  expect(isKind(error, "failedPrecondition")).toBe(true);
  openDatabase(path, things(FIRST, SECOND)).close();
});

test("reserved space is there for every later process, and nothing else is", () => {
  const sizes = () => [statSync(path).size, statSync(`${path}-wal`).size];
  const first = openDatabase(path, things(FIRST));
  // As a process leaves it that is killed in the middle.
  first.exec("CREATE TABLE reserve (bytes BLOB)");
  reserveSpace(first);
  const reserved = sizes();
  expect(Math.min(...reserved)).toBeGreaterThan(4_000_000);
  for (let index = 0; index < 2000; index++) first.exec(`INSERT INTO things VALUES ('${index}')`);
  expect(sizes()).toEqual(reserved);
  first.close();
  const second = openDatabase(path, things(FIRST));
  reserveSpace(second);
  expect(sizes()).toEqual(reserved);
  expect(second.query("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").values()).toEqual([
    ["schema_versions"],
    ["things"],
  ]);
  second.close();
});
