import { type FileHandle, open } from "node:fs/promises";

/**
 * Makes commits of a database durable without holding up the event loop, and many of them with one write to the disk.
 *
 * A commit made by `withoutSync` is in the write-ahead log, which the kernel has; `synced()` forces that log to the disk from
 * the thread pool, just as SQLite itself would have done inside the commit (sqlite.org/wal.html, "Performance
 * Considerations").
 */
export class CommitLog {
  readonly #log: FileHandle;
  /** Begins when the one under way has ended; whoever comes meanwhile shares it. */
  #next: Promise<void> | undefined;
  #current: Promise<void> = Promise.resolve();
  #underWay = false;

  private constructor(log: FileHandle) {
    this.#log = log;
  }

  /** The database is open and has been written to: SQLite keeps one log file until the last connection closes. */
  static async open(databasePath: string): Promise<CommitLog> {
    return new CommitLog(await open(`${databasePath}-wal`, "r"));
  }

  /** Resolves when every commit before this call is on the disk. Rejects with the disk's error. */
  synced(): Promise<void> {
    // At once, so that the disk works while the caller goes on.
    if (!this.#underWay) return this.#begin();
    // A sync under way may have begun before the caller's commit: only the next one counts.
    this.#next ??= this.#current
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.#begin();
      });
    return this.#next;
  }

  #begin(): Promise<void> {
    this.#underWay = true;
    this.#current = this.#log.datasync().finally(() => {
      this.#underWay = false;
    });
    return this.#current;
  }

  async close(): Promise<void> {
    await this.#current.catch(() => undefined);
    await this.#log.close();
  }
}
