import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ContainerId } from "../../base/ids.ts";
import { type Database, openDatabase } from "../../host/sqlite.ts";
import { StoredContainerDirectory } from "./container-directory.ts";
import type { ContainerRecord } from "./container-record.ts";
import { ContainerRepository, containerMigrations } from "./container-repository.ts";
import { INITIAL_STATE } from "./state-machine.ts";

let database: Database;
let directory: StoredContainerDirectory;

beforeEach(() => {
  database = openDatabase(":memory:", [containerMigrations]);
  directory = new StoredContainerDirectory(new ContainerRepository(database));
});
afterEach(() => database.close());

function record(idStart: string, name: string, createdAtNs = 1n): ContainerRecord {
  return {
    id: idStart.padEnd(64, "0") as ContainerId,
    name,
    createdAtNs,
    imageId: "sha256:x" as ContainerRecord["imageId"],
    imageReference: "busybox",
    config: {},
    hostConfig: {},
    mounts: [],
    snapshot: idStart,
    state: INITIAL_STATE,
    restartCount: 0,
  };
}

describe("lookup", () => {
  test("by id, by name with and without slash, by a unique prefix", () => {
    const first = directory.insert(record("abc1", "one"));
    const second = directory.insert(record("abd2", "two"));
    expect(directory.get(first.id)).toBe(first);
    expect(directory.get("one")).toBe(first);
    expect(directory.get("/two")).toBe(second);
    expect(directory.get("abc")).toBe(first);
    expect(directory.find("zzz")).toBeUndefined();
  });

  test("a name wins over a prefix", () => {
    directory.insert(record("fade", "one"));
    const named = directory.insert(record("1234", "fade"));
    expect(directory.get("fade")).toBe(named);
  });

  test("fails in Docker's words", () => {
    directory.insert(record("abc1", "one"));
    directory.insert(record("abd2", "two"));
    expect(() => directory.get("nope")).toThrow("No such container: nope");
    expect(() => directory.get("ab")).toThrow("multiple IDs found with provided prefix: ab");
    expect(() => directory.get("")).toThrow('invalid name or ID supplied: ""');
  });
});

describe("names", () => {
  test("are kept from the reservation on, and free after a rename or a removal", () => {
    const id = "f".repeat(64) as ContainerId;
    directory.reserveName("one", id);
    expect(() => directory.reserveName("one", "e".repeat(64) as ContainerId)).toThrow(
      `Conflict. The container name "/one" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
    );
    directory.releaseName("one", "e".repeat(64) as ContainerId);
    expect(directory.hasName("one")).toBe(true);
    const entry = directory.insert({ ...record("f", "one"), id });
    directory.reserveName("two", id);
    directory.rename(entry, "two");
    expect([directory.hasName("one"), directory.get("two").id]).toEqual([false, id]);
    directory.delete(entry);
    expect([directory.hasName("two"), directory.find(id)]).toEqual([false, undefined]);
  });
});

test("everything comes back from the rows, bigints too, oldest first", () => {
  directory.insert(record("b", "younger", 20n));
  const entry = directory.insert(record("a", "older", 10n));
  directory.apply(entry, { type: "started", pid: 5, atNs: 1_800_000_000_123_456_789n });
  const again = new StoredContainerDirectory(new ContainerRepository(database));
  expect(again.all().map(({ record: { name } }) => name)).toEqual(["older", "younger"]);
  expect(again.get("older").record).toEqual(entry.record);
});

test("changed() resolves with the next record, and a shown one is not written", async () => {
  const entry = directory.insert(record("a", "one"));
  const changed = entry.changed();
  directory.show(entry, { type: "start-failed", exitCode: 1, error: "x" });
  await changed;
  expect(entry.record.state.exitCode).toBe(1);
  const again = new StoredContainerDirectory(new ContainerRepository(database));
  expect(again.get("one").record.state.exitCode).toBe(0);
});

test("a broken row is an error, not a missing container", () => {
  directory.insert(record("a", "one"));
  database.exec("UPDATE containers SET record = '{'");
  expect(() => new ContainerRepository(database).all()).toThrow("cannot be read");
});
