import { EngineError } from "../../base/errors.ts";
import type { Database } from "../../host/sqlite.ts";
import { parseStorageDriver, type StorageDriver } from "./snapshot-driver-names.ts";

/**
 * Decides which driver a data root is used with and records it. `wanted` undefined: the one that it was used with, overlay2 for a new
 * one. Throws failedPrecondition when the root holds snapshots of another driver, which the wanted one could not read.
 */
export function chooseStorageDriver(database: Database, wanted: StorageDriver | undefined): StorageDriver {
  return database
    .transaction(() => {
      const recorded = recordedDriver(database);
      const driver = wanted ?? recorded ?? "overlay2";
      if (recorded !== undefined && recorded !== driver && hasSnapshots(database)) {
        throw new EngineError(
          "failedPrecondition",
          `the data root holds images and containers of the storage driver ${recorded}: start without --storage-driver ${driver}, or with another --data-root`,
        );
      }
      if (recorded !== driver) {
        database.query("DELETE FROM storage_driver").run();
        database.query("INSERT INTO storage_driver (name) VALUES (?)").run(driver);
      }
      return driver;
    })
    .immediate();
}

/** Undefined for a root that was never used. Roots from before there was a choice are overlay's. */
function recordedDriver(database: Database): StorageDriver | undefined {
  const row = database.query<{ name: string }, []>("SELECT name FROM storage_driver").get();
  if (row !== null) return parseStorageDriver(row.name);
  return hasSnapshots(database) ? "overlay2" : undefined;
}

function hasSnapshots(database: Database): boolean {
  return database.query<object, []>("SELECT 1 FROM snapshots LIMIT 1").get() !== null;
}
