import { Database } from "bun:sqlite";
import { readFileSync, writeFileSync } from "node:fs";
import { EngineError } from "../base/errors.ts";

export interface HeldLock {
  release(): void;
}

/** A Database that is collected is closed, and its lock gone: held here until release. */
const held = new Set<Database>();

/**
 * Takes the lock of a data root: two daemons on the same files would destroy them. Throws failedPrecondition when another process
 * has it; a process that died, however, has it no longer.
 *
 * SQLite's exclusive lock on an empty database, because that is a lock of the kernel's (fcntl) that this program can take
 * without native code. A pid file would have to guess whether its writer lives (pids are used again), and an abstract socket
 * is seen only inside its network namespace. fcntl locks also work between containers and on NFS, and children inherit none.
 */
export function acquireLock(path: string): HeldLock {
  const database = new Database(path, { create: true });
  try {
    database.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (cause) {
    database.close();
    if (!isBusy(cause)) throw cause;
    throw new EngineError("failedPrecondition", `${path} is held by another berth daemon${ownerOf(path)}`, {
      cause,
    });
  }
  held.add(database);
  // For the message above only; nothing is decided by it.
  writeFileSync(`${path}.pid`, `${process.pid}\n`, { mode: 0o600 });
  return {
    release() {
      if (held.delete(database)) database.close();
    },
  };
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "SQLITE_BUSY";
}

function ownerOf(path: string): string {
  try {
    return ` (process ${readFileSync(`${path}.pid`, "utf8").trim()})`;
  } catch {
    return "";
  }
}
