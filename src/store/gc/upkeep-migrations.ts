import type { Migrations } from "../../host/sqlite.ts";

/**
 * `storage_driver` has one row: what the snapshots of this data root were made with. `snapshot_space` is what a committed snapshot's
 * directory takes on the disk, measured once: committed ones do not change. Keyed by the directory's number, which is never given to
 * another one.
 */
export const upkeepMigrations: Migrations = {
  noun: "upkeep",
  steps: [
    `CREATE TABLE storage_driver (name TEXT NOT NULL) STRICT;
     CREATE TABLE snapshot_space (
       number INTEGER PRIMARY KEY,
       bytes INTEGER NOT NULL
     ) STRICT;`,
  ],
};
