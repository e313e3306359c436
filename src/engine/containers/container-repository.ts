import { EngineError } from "../../base/errors.ts";
import type { Database, Migrations } from "../../host/sqlite.ts";
import type { ContainerRecord } from "./container-record.ts";

/** The name has a column of its own so that the database itself keeps it unique; `status` is there for people with sqlite3. */
export const containerMigrations: Migrations = {
  noun: "containers",
  steps: [
    `CREATE TABLE containers (
       id TEXT PRIMARY KEY,
       name TEXT NOT NULL UNIQUE,
       status TEXT NOT NULL,
       image_id TEXT NOT NULL,
       record TEXT NOT NULL
     ) STRICT, WITHOUT ROWID`,
  ],
};

/**
 * The containers' rows. Each method is one transaction that has reached the disk when it returns; a row is always a whole
 * record, so that a crash leaves the state before or after, nothing between.
 */
export class ContainerRepository {
  readonly #insert;
  readonly #update;
  readonly #delete;
  readonly #all;

  constructor(database: Database) {
    this.#insert = database.prepare(
      "INSERT INTO containers (id, name, status, image_id, record) VALUES (?, ?, ?, ?, ?)",
    );
    this.#update = database.prepare("UPDATE containers SET name = ?, status = ?, record = ? WHERE id = ?");
    this.#delete = database.prepare("DELETE FROM containers WHERE id = ?");
    this.#all = database.prepare<{ id: string; record: string }, []>("SELECT id, record FROM containers");
  }

  insert(record: ContainerRecord): void {
    this.#insert.run(record.id, record.name, record.state.status, record.imageId, encodeRecord(record));
  }

  /** Replaces the row of `record.id`; one that is gone stays gone. */
  update(record: ContainerRecord): void {
    this.#update.run(record.name, record.state.status, encodeRecord(record), record.id);
  }

  delete(id: string): void {
    this.#delete.run(id);
  }

  /** Oldest first. Throws dataLoss for a row that cannot be read. */
  all(): ContainerRecord[] {
    const records = this.#all.all().map(({ id, record }) => decodeRecord(id, record));
    return records.sort((a, b) => (a.createdAtNs < b.createdAtNs ? -1 : 1));
  }
}

/** JSON with bigints as decimal strings. */
function encodeRecord(record: ContainerRecord): string {
  return JSON.stringify({
    ...record,
    createdAtNs: record.createdAtNs.toString(),
    state: {
      ...record.state,
      startedAtNs: record.state.startedAtNs.toString(),
      finishedAtNs: record.state.finishedAtNs.toString(),
    },
  });
}

function decodeRecord(id: string, text: string): ContainerRecord {
  try {
    const parsed = JSON.parse(text);
    return {
      ...parsed,
      createdAtNs: BigInt(parsed.createdAtNs),
      state: {
        ...parsed.state,
        startedAtNs: BigInt(parsed.state.startedAtNs),
        finishedAtNs: BigInt(parsed.state.finishedAtNs),
      },
    };
  } catch (cause) {
    throw new EngineError("dataLoss", `the record of container ${id} cannot be read`, { cause });
  }
}
