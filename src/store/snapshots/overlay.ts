/**
 * Snapshots for overlayfs: `<root>/<number>/fs` holds one layer's own files, `<root>/<number>/work` is overlay's scratch
 * for an active one. A directory without a row is rubbish: either not finished when the process died, or not yet removed.
 */
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { lstat, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { EngineError, fromUnknown } from "../../base/errors.ts";
import type { Logger } from "../../host/logger.ts";
import type { KernelHelper, LayerUnpacker } from "../../kernel/shim-session.ts";
import type { LayerInput, SnapshotDriver, StagedLayer } from "./snapshot-driver.ts";
import type { RootAttributes, SnapshotRow, SnapshotRows } from "./snapshot-rows.ts";

const DEFAULT_MODE = 0o755;
/**
 * A layer's directory has this odd mode until its tar says otherwise; still there afterwards, the tar was silent about
 * its root, and the parent's attributes count.
 */
export const UNSET_MODE = 0o1711;

export interface OverlayOptions {
  /** Absolute; exists or can be made. */
  readonly root: string;
  readonly rows: SnapshotRows;
  readonly kernel: Pick<KernelHelper, "removeTree" | "diskUsage">;
  readonly unpacker: LayerUnpacker;
  readonly logger: Logger;
}

export class OverlaySnapshots implements SnapshotDriver {
  /** Docker's name for the same layout. */
  readonly driver = "overlay2";
  private readonly removals = new Set<Promise<void>>();

  private constructor(
    private readonly options: OverlayOptions,
    private lastNumber: number,
    /** For a snapshot without a parent: owned by whoever owns the store, root in a daemon. */
    private readonly defaultRoot: RootAttributes,
  ) {}

  /** Makes the root and begins to remove, in the background, every directory without a row. */
  static async open(options: OverlayOptions): Promise<OverlaySnapshots> {
    await mkdir(options.root, { recursive: true, mode: 0o711 });
    const found = await readdir(options.root);
    const onDisk = found.map(Number).filter(Number.isSafeInteger);
    const { uid, gid } = await lstat(options.root);
    const last = onDisk.reduce((most, number) => Math.max(most, number), options.rows.lastNumber());
    const snapshots = new OverlaySnapshots(options, last, { mode: DEFAULT_MODE, uid, gid });
    const known = options.rows.numbers();
    for (const name of found) if (!known.has(Number(name))) snapshots.removeInBackground(name);
    return snapshots;
  }

  async prepare(key: string, parent: string | undefined): Promise<void> {
    const root = parent === undefined ? this.defaultRoot : this.committed(parent);
    if (this.options.rows.find(key) !== undefined) {
      throw new EngineError("alreadyExists", `snapshot ${key} already exists`);
    }
    const number = this.nextNumber();
    try {
      this.makeDirectories(number, root);
      const attributes = { mode: root.mode, uid: root.uid, gid: root.gid };
      this.options.rows.insertLazily({
        number,
        key,
        parent: parent ?? null,
        kind: "active",
        sizeBytes: 0,
        ...attributes,
      });
    } catch (error) {
      this.removeInBackground(String(number));
      throw error;
    }
  }

  /** For a committed key: its own directory as `upperDir`, for those who only describe it. No file is touched. */
  async root(key: string): Promise<{ lowerDirs: string[]; upperDir: string; workDir: string }> {
    const [top, ...lower] = this.options.rows.chain(key);
    if (top === undefined) throw new EngineError("notFound", `snapshot ${key} not found`);
    return {
      lowerDirs: lower.map((row) => this.path(row.number, "fs")),
      upperDir: this.path(top.number, "fs"),
      workDir: this.path(top.number, "work"),
    };
  }

  /** The row goes at once, the files in the background; a crash in between is what open() cleans up. */
  async remove(key: string): Promise<void> {
    const { rows } = this.options;
    const row = rows.find(key)?.kind === "active" ? rows.deleteLazily(key) : rows.delete(key);
    if (row !== undefined) this.removeInBackground(String(row.number));
  }

  async usage(key: string): Promise<number> {
    const row = this.options.rows.find(key);
    if (row === undefined) throw new EngineError("notFound", `snapshot ${key} not found`);
    return row.kind === "committed"
      ? row.sizeBytes
      : await this.options.kernel.diskUsage(this.path(row.number, "fs"));
  }

  async active(): Promise<string[]> {
    return this.options.rows.keys("active");
  }

  find(key: string): SnapshotRow | undefined {
    return this.options.rows.find(key);
  }

  committedKeys(): string[] {
    return this.options.rows.keys("committed");
  }

  async stage(
    layer: LayerInput,
    signal: AbortSignal,
    onProgress?: (inputBytes: number) => void,
  ): Promise<StagedLayer> {
    const number = this.nextNumber();
    try {
      this.makeDirectories(number, { ...this.defaultRoot, mode: UNSET_MODE });
      const target = this.path(number, "fs");
      return { number, ...(await this.options.unpacker.unpack(target, layer, signal, onProgress)) };
    } catch (error) {
      this.removeInBackground(String(number));
      throw error;
    }
  }

  discard(staged: StagedLayer): void {
    this.removeInBackground(String(staged.number));
  }

  async commit(staged: StagedLayer, key: string, parent: string | undefined): Promise<void> {
    try {
      const root = await this.settleRoot(staged.number, parent);
      if (this.options.rows.find(key) !== undefined) return this.discard(staged);
      const { number, sizeBytes } = staged;
      this.options.rows.insertLazily({
        number,
        key,
        parent: parent ?? null,
        kind: "committed",
        sizeBytes,
        ...root,
      });
    } catch (error) {
      this.discard(staged);
      throw error;
    }
  }

  async assemble(): Promise<void> {}

  directory(key: string): string {
    const row = this.options.rows.find(key);
    if (row === undefined) throw new EngineError("notFound", `snapshot ${key} not found`);
    return this.path(row.number, "fs");
  }

  directoryOf(staged: StagedLayer): string {
    return this.path(staged.number, "fs");
  }

  async replace(staged: StagedLayer, key: string): Promise<void> {
    const { number, sizeBytes } = staged;
    const root = await this.settleRoot(number, this.committed(key).parent ?? undefined);
    this.options.rows.replace(key, { number, sizeBytes, ...root });
  }

  async settled(): Promise<void> {
    while (this.removals.size > 0) await Promise.all(this.removals);
  }

  private async settleRoot(number: number, parent: string | undefined): Promise<RootAttributes> {
    const path = this.path(number, "fs");
    const { mode, uid, gid } = await lstat(path);
    if ((mode & 0o7777) !== UNSET_MODE) return { mode: mode & 0o7777, uid, gid };
    const inherited = parent === undefined ? this.defaultRoot : this.committed(parent);
    setRoot(path, inherited, { uid, gid });
    return { mode: inherited.mode, uid: inherited.uid, gid: inherited.gid };
  }

  private committed(key: string): SnapshotRow {
    const row = this.options.rows.find(key);
    if (row === undefined) throw new EngineError("notFound", `snapshot ${key} not found`);
    if (row.kind !== "committed")
      throw new EngineError("failedPrecondition", `snapshot ${key} is not committed`);
    return row;
  }

  private nextNumber(): number {
    this.lastNumber += 1;
    return this.lastNumber;
  }

  /** Synchronous: four calls of some microseconds, each of which would pay a hop through the thread pool. */
  private makeDirectories(number: number, root: RootAttributes): void {
    const upper = this.path(number, "fs");
    mkdirSync(join(this.options.root, String(number)), { mode: 0o711 });
    mkdirSync(upper, { mode: 0o700 });
    mkdirSync(this.path(number, "work"), { mode: 0o700 });
    setRoot(upper, root, this.defaultRoot);
  }

  private path(number: number, part: "fs" | "work"): string {
    return join(this.options.root, String(number), part);
  }

  private removeInBackground(name: string): void {
    const path = join(this.options.root, name);
    const removal: Promise<void> = this.options.kernel
      .removeTree(path)
      .catch((error: unknown) => {
        this.options.logger.warn("snapshot directory not removed; the next start tries again", {
          path,
          error: fromUnknown(error).message,
        });
      })
      .finally(() => this.removals.delete(removal));
    this.removals.add(removal);
  }
}

/** mkdir's mode is cut by the umask, hence chmod; chown first, as it clears the set-id bits. */
function setRoot(
  path: string,
  wanted: RootAttributes,
  owner: { readonly uid: number; readonly gid: number },
): void {
  if (wanted.uid !== owner.uid || wanted.gid !== owner.gid) chownSync(path, wanted.uid, wanted.gid);
  chmodSync(path, wanted.mode);
}
