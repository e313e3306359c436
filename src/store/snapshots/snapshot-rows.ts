import { EngineError } from "../../base/errors.ts";
import { type Database, type Migrations, withoutSync } from "../../host/sqlite.ts";

/**
 * AUTOINCREMENT: a number names a directory and is never given out twice, so that a removal still under way cannot meet
 * a newcomer. The foreign key keeps a parent for as long as it has children.
 */
export const snapshotMigrations: Migrations = {
  noun: "snapshots",
  steps: [
    `CREATE TABLE snapshots (
       number INTEGER PRIMARY KEY AUTOINCREMENT,
       key TEXT NOT NULL UNIQUE,
       parent TEXT REFERENCES snapshots (key),
       kind TEXT NOT NULL CHECK (kind IN ('active', 'committed')),
       size_bytes INTEGER NOT NULL,
       root_mode INTEGER NOT NULL,
       root_uid INTEGER NOT NULL,
       root_gid INTEGER NOT NULL
     ) STRICT;
     CREATE INDEX snapshots_by_parent ON snapshots (parent);`,
  ],
};

/** Attributes that overlayfs shows for the root directory: those of the topmost layer's own. */
export interface RootAttributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface SnapshotRow extends RootAttributes {
  readonly number: number;
  readonly key: string;
  readonly parent: string | null;
  readonly kind: "active" | "committed";
  readonly sizeBytes: number;
}

const COLUMNS =
  "number, key, parent, kind, size_bytes AS sizeBytes, root_mode AS mode, root_uid AS uid, root_gid AS gid";

/** The table of snapshots. Every change is one statement. */
export class SnapshotRows {
  constructor(private readonly database: Database) {}

  find(key: string): SnapshotRow | undefined {
    const row = this.database
      .query<SnapshotRow, [string]>(`SELECT ${COLUMNS} FROM snapshots WHERE key = ?`)
      .get(key);
    return row ?? undefined;
  }

  /** The snapshot and its ancestors, topmost first; empty when there is none. One query, whatever the depth. */
  chain(key: string): { number: number; kind: string }[] {
    return this.database
      .query<{ number: number; kind: string }, [string]>(
        `WITH RECURSIVE chain (number, parent, kind, depth) AS (
           SELECT number, parent, kind, 0 FROM snapshots WHERE key = ?
           UNION ALL
           SELECT s.number, s.parent, s.kind, c.depth + 1 FROM snapshots s JOIN chain c ON s.key = c.parent
         ) SELECT number, kind FROM chain ORDER BY depth`,
      )
      .all(key);
  }

  numbers(): Set<number> {
    return new Set(
      this.database
        .query<{ number: number }, []>("SELECT number FROM snapshots")
        .all()
        .map((row) => row.number),
    );
  }

  /** The highest number that was ever given out. */
  lastNumber(): number {
    const row = this.database
      .query<{ seq: number }, []>("SELECT seq FROM sqlite_sequence WHERE name = 'snapshots'")
      .get();
    return row?.seq ?? 0;
  }

  keys(kind: "active" | "committed"): string[] {
    return this.database
      .query<{ key: string }, [string]>("SELECT key FROM snapshots WHERE kind = ? ORDER BY number")
      .all(kind)
      .map((row) => row.key);
  }

  /** Throws alreadyExists for a key that is taken, notFound for a parent that is not there. */
  insert(row: SnapshotRow): void {
    try {
      this.database
        .query(
          `INSERT INTO snapshots (number, key, parent, kind, size_bytes, root_mode, root_uid, root_gid)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        )
        .run(row.number, row.key, row.parent, row.kind, row.sizeBytes, row.mode, row.uid, row.gid);
    } catch (error) {
      if (constraintOf(error) === "SQLITE_CONSTRAINT_UNIQUE") {
        throw new EngineError("alreadyExists", `snapshot ${row.key} already exists`, { cause: error });
      }
      if (constraintOf(error) === "SQLITE_CONSTRAINT_FOREIGNKEY") {
        throw new EngineError("notFound", `snapshot ${row.parent} not found`, { cause: error });
      }
      throw error;
    }
  }

  /** Gives a snapshot another directory. Throws notFound for a key that is not there. */
  replace(key: string, by: Omit<SnapshotRow, "key" | "parent" | "kind">): void {
    const { changes } = this.database
      .query(
        `UPDATE snapshots SET number = ?, size_bytes = ?, root_mode = ?, root_uid = ?, root_gid = ?
         WHERE key = ?`,
      )
      .run(by.number, by.sizeBytes, by.mode, by.uid, by.gid, key);
    if (changes === 0) throw new EngineError("notFound", `snapshot ${key} not found`);
  }

  /**
   * As insert, without waiting for the disk: the row may be lost in a power cut, until the next durable transaction of
   * the same database makes it durable too (the log is sequential). For what a later record completes anyway.
   */
  insertLazily(row: SnapshotRow): void {
    withoutSync(this.database, () => this.insert(row));
  }

  /** As delete, likewise: a container's snapshot whose row a power cut brings back is swept at the next start. */
  deleteLazily(key: string): SnapshotRow | undefined {
    return withoutSync(this.database, () => this.delete(key));
  }

  /** The removed row; undefined when there was none. Throws failedPrecondition when a child or an image needs it. */
  delete(key: string): SnapshotRow | undefined {
    try {
      const row = this.database
        .query<SnapshotRow, [string]>(`DELETE FROM snapshots WHERE key = ? RETURNING ${COLUMNS}`)
        .get(key);
      return row ?? undefined;
    } catch (error) {
      if (constraintOf(error) !== "SQLITE_CONSTRAINT_FOREIGNKEY") throw error;
      throw new EngineError("failedPrecondition", `snapshot ${key} is in use by a child or an image`, {
        cause: error,
      });
    }
  }
}

function constraintOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
