import { EngineError } from "../../base/errors.ts";

/** Docker's names of the drivers that there are. */
export const STORAGE_DRIVERS = ["overlay2", "vfs"] as const;
export type StorageDriver = (typeof STORAGE_DRIVERS)[number];

/** Throws invalid for a driver that is none of ours. */
export function parseStorageDriver(name: string): StorageDriver {
  const found = STORAGE_DRIVERS.find((driver) => driver === name);
  if (found === undefined) {
    throw new EngineError(
      "invalid",
      `storage-driver ${JSON.stringify(name)} is not available in berth: choose one of ${STORAGE_DRIVERS.join(", ")}`,
    );
  }
  return found;
}
