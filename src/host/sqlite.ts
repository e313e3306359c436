import { constants, Database } from "bun:sqlite";
import { statSync } from "node:fs";
import { EngineError } from "../base/errors.ts";

/** One noun's schema history. Entry N of `steps` brings version N to N + 1; entries are never changed, only added. */
export interface Migrations {
  readonly noun: string;
  readonly steps: readonly string[];
}

/**
 * Opens (or makes) a database in WAL mode where every committed transaction survives a power cut (`synchronous=FULL`)
 * and brings each noun's tables to their newest version, in one transaction.
 * Throws failedPrecondition when the file was written by a newer program.
 */
export function openDatabase(path: string, migrations: readonly Migrations[]): Database {
  const database = new Database(path, { create: true, strict: true, safeIntegers: false });
  database.exec(
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000;",
  );
  database.transaction(() => migrate(database, migrations)).immediate();
  return database;
}

/**
 * Runs one transaction whose commit is not forced to the disk: it survives the death of this process, as every commit does,
 * and a power cut may undo it together with all that came after, never alone. For what a restart of the machine changes
 * anyway, and for rows that a later durable commit carries with it (docs/decisions/0002-durability.md).
 */
export function withoutSync<T>(database: Database, transaction: () => T): T {
  database.exec("PRAGMA synchronous = NORMAL");
  try {
    return transaction();
  } finally {
    database.exec("PRAGMA synchronous = FULL");
  }
}

/** The log is begun anew after 1000 pages of 4 KiB (wal_autocheckpoint); some more, for the transaction that crosses the mark. */
const RESERVE_BYTES = 4_300_000;

/**
 * Keeps room for what helps when the disk is full: removals. The log is brought to the size that it would reach anyway and
 * stays on the disk after a close (PERSIST_WAL), and the database gets as many free pages, so that a commit overwrites
 * instead of growing a file. Written once for a database. Throws SQLITE_FULL where there is no room for it now.
 */
export function reserveSpace(database: Database): void {
  database.fileControl(constants.SQLITE_FCNTL_PERSIST_WAL, 1);
  // Of a process that was killed between the last two lines.
  database.exec("DROP TABLE IF EXISTS reserve");
  const log = statSync(`${database.filename}-wal`, { throwIfNoEntry: false });
  if (log !== undefined && log.size >= RESERVE_BYTES) return;
  database.exec(`CREATE TABLE reserve (bytes BLOB); INSERT INTO reserve VALUES (zeroblob(${RESERVE_BYTES}))`);
  database.exec("DROP TABLE reserve");
}

function migrate(database: Database, migrations: readonly Migrations[]): void {
  database.exec(
    "CREATE TABLE IF NOT EXISTS schema_versions (noun TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT",
  );
  const versionOf = database.prepare<{ version: number }, [string]>(
    "SELECT version FROM schema_versions WHERE noun = ?",
  );
  const setVersion = database.prepare(
    "INSERT INTO schema_versions (noun, version) VALUES (?, ?) ON CONFLICT (noun) DO UPDATE SET version = excluded.version",
  );
  for (const { noun, steps } of migrations) {
    const version = versionOf.get(noun)?.version ?? 0;
    if (version > steps.length) {
      throw new EngineError(
        "failedPrecondition",
        `the data root was written by a newer berth (${noun} schema ${version}, this one knows ${steps.length}): use that version`,
      );
    }
    for (const step of steps.slice(version)) database.exec(step);
    setVersion.run(noun, steps.length);
  }
}

export type { Database };
