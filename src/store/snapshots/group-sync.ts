import { stat } from "node:fs/promises";
import type { ContentStore } from "../content/content-store.ts";

/** Forces what was written to the disk, many callers' work at once. */
export class GroupSync {
  /** Begins when the one under way has ended; whoever comes meanwhile shares it. */
  private next: Promise<void> | undefined;
  private current: Promise<void> = Promise.resolve();

  private constructor(
    private readonly directories: readonly string[],
    private readonly content: ContentStore,
    private readonly sync: (directory: string) => Promise<void>,
  ) {}

  /** `directories` exist; those on one file system are synced by one call. */
  static async open(
    directories: readonly string[],
    content: ContentStore,
    sync: (directory: string) => Promise<void>,
  ): Promise<GroupSync> {
    const byDevice = new Map<number, string>();
    for (const directory of directories) byDevice.set((await stat(directory)).dev, directory);
    return new GroupSync([...byDevice.values()], content, sync);
  }

  /** Resolves when everything written before this call is on the disk: layers and blobs. */
  synced(): Promise<void> {
    // One under way may have begun before the caller's last write: only the next one counts.
    this.next ??= this.current
      .catch(() => undefined)
      .then(() => {
        this.next = undefined;
        this.current = this.content.whileSyncing(async () => {
          await Promise.all(this.directories.map((directory) => this.sync(directory)));
        });
        return this.current;
      });
    return this.next;
  }
}
