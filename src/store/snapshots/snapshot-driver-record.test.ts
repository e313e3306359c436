import { expect, test } from "bun:test";
import { openDatabase } from "../../host/sqlite.ts";
import { upkeepMigrations } from "../gc/upkeep-migrations.ts";
import { parseStorageDriver } from "./snapshot-driver-names.ts";
import { chooseStorageDriver } from "./snapshot-driver-record.ts";
import { SnapshotRows, snapshotMigrations } from "./snapshot-rows.ts";

function open() {
  const database = openDatabase(":memory:", [snapshotMigrations, upkeepMigrations]);
  const use = () =>
    new SnapshotRows(database).insert({
      number: 1,
      key: "a",
      parent: null,
      kind: "committed",
      sizeBytes: 0,
      mode: 0o755,
      uid: 0,
      gid: 0,
    });
  return { database, use };
}

test("a used root stays with its driver", () => {
  const { database, use } = open();
  expect(chooseStorageDriver(database, "vfs")).toBe("vfs");
  use();
  expect(chooseStorageDriver(database, undefined)).toBe("vfs");
  expect(() => chooseStorageDriver(database, "overlay2")).toThrow("holds images and containers");
  expect(chooseStorageDriver(database, "vfs")).toBe("vfs");
});

test("an empty root changes its driver", () => {
  const { database } = open();
  expect(chooseStorageDriver(database, undefined)).toBe("overlay2");
  expect(chooseStorageDriver(database, "vfs")).toBe("vfs");
});

test("a root from before there was a choice is overlay's", () => {
  const { database, use } = open();
  use();
  expect(() => chooseStorageDriver(database, "vfs")).toThrow("storage driver overlay2");
  expect(chooseStorageDriver(database, undefined)).toBe("overlay2");
});

test("other drivers are refused by name", () => {
  expect(parseStorageDriver("vfs")).toBe("vfs");
  expect(() => parseStorageDriver("btrfs")).toThrow('storage-driver "btrfs" is not available in berth');
});
