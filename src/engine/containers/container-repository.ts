import { EngineError } from "../../base/errors.ts";
import { type Database, type Migrations, withoutSync } from "../../host/sqlite.ts";
import type { ContainerRecord } from "./container-record.ts";

/**
 * What a container is made of and what it is doing stand in two tables: the first is written once and is some kilobytes, the
 * second changes with every transition and is small. The name has a column of its own so that the database itself keeps it
 * unique; `status` is there for people with sqlite3.
 */
export const containerMigrations: Migrations = {
  noun: "containers",
  steps: [
    `CREATE TABLE containers (
       id TEXT NOT NULL UNIQUE,
       name TEXT NOT NULL UNIQUE,
       image_id TEXT NOT NULL,
       record TEXT NOT NULL
     ) STRICT;
     CREATE TABLE container_states (
       id TEXT PRIMARY KEY REFERENCES containers (id) ON DELETE CASCADE,
       status TEXT NOT NULL,
       state TEXT NOT NULL
     ) STRICT, WITHOUT ROWID`,
  ],
};

interface Row {
  readonly id: string;
  readonly name: string;
  readonly record: string;
  readonly state: string;
}

/**
 * The containers' rows. Each method is one transaction: a crash leaves the state before or after, nothing between. None but
 * `rename` waits for the disk; who answers for an insertion or removes files after a deletion awaits the commit log
 * (docs/decisions/0002-durability.md).
 */
export class ContainerRepository {
  readonly #database: Database;
  readonly #insert;
  readonly #insertState;
  readonly #updateState;
  readonly #rename;
  readonly #delete;
  readonly #all;

  constructor(database: Database) {
    this.#database = database;
    this.#insert = database.prepare(
      "INSERT INTO containers (id, name, image_id, record) VALUES (?, ?, ?, ?)",
    );
    this.#insertState = database.prepare("INSERT INTO container_states (id, status, state) VALUES (?, ?, ?)");
    this.#updateState = database.prepare("UPDATE container_states SET status = ?, state = ? WHERE id = ?");
    this.#rename = database.prepare("UPDATE containers SET name = ? WHERE id = ?");
    this.#delete = database.prepare("DELETE FROM containers WHERE id = ?");
    this.#all = database.prepare<Row, []>(
      "SELECT id, name, record, state FROM containers JOIN container_states USING (id)",
    );
  }

  insert(record: ContainerRecord): void {
    const { state, name, ...rest } = record;
    const insert = this.#database.transaction(() => {
      this.#insert.run(record.id, name, record.imageId, encode(rest));
      this.#insertState.run(record.id, state.status, encode(state));
    });
    withoutSync(this.#database, insert);
  }

  /**
   * Replaces the state of `record.id`; one that is gone stays gone. After a power cut no container runs, and the next start
   * finds that out whatever the row says.
   */
  updateState({ id, state }: ContainerRecord): void {
    withoutSync(this.#database, () => this.#updateState.run(state.status, encode(state), id));
  }

  /** The directory has made sure that the name is free. */
  rename(id: string, name: string): void {
    this.#rename.run(name, id);
  }

  delete(id: string): void {
    withoutSync(this.#database, () => this.#delete.run(id));
  }

  /** Oldest first. Throws dataLoss for a row that cannot be read. */
  all(): ContainerRecord[] {
    return this.#all
      .all()
      .map(decodeRow)
      .sort((a, b) => (a.createdAtNs < b.createdAtNs ? -1 : 1));
  }
}

/** Fields that are nanoseconds: JSON has no bigint, so they are decimal strings there. */
const NANOSECONDS = new Set(["createdAtNs", "startedAtNs", "finishedAtNs"]);

function encode(value: object): string {
  return JSON.stringify(value, (_, field: unknown) => (typeof field === "bigint" ? field.toString() : field));
}

function decodeRow({ id, name, record, state }: Row): ContainerRecord {
  const revive = (key: string, field: unknown) => (NANOSECONDS.has(key) ? BigInt(String(field)) : field);
  try {
    return { ...JSON.parse(record, revive), name, state: JSON.parse(state, revive) };
  } catch (cause) {
    throw new EngineError("dataLoss", `the record of container ${id} cannot be read`, { cause });
  }
}
