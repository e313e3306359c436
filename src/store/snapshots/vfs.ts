/**
 * Snapshots that are whole trees: each is a copy of its parent with the layer moved over it, so that a container's root is one
 * plain directory. For file systems that overlayfs cannot work on; costs a copy for each layer and each container, cheap only
 * where the file system shares blocks (reflink). Directories, rows and removals are those of the overlay driver.
 */
import { chmod, lstat, mkdir, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Trees } from "../../kernel/trees.ts";
import { type OverlayOptions, OverlaySnapshots, UNSET_MODE } from "./overlay.ts";
import type { LayerInput, SnapshotDriver, StagedLayer } from "./snapshot-driver.ts";
import type { SnapshotRow } from "./snapshot-rows.ts";
import { changedBytes } from "./vfs-changes.ts";

export interface VfsOptions extends OverlayOptions {
  readonly trees: Pick<Trees, "copy" | "merge" | "list">;
}

export class VfsSnapshots implements SnapshotDriver {
  readonly driver = "vfs";

  private constructor(
    private readonly options: VfsOptions,
    private readonly layers: OverlaySnapshots,
  ) {}

  static async open(options: VfsOptions): Promise<VfsSnapshots> {
    return new VfsSnapshots(options, await OverlaySnapshots.open(options));
  }

  /** A crash in the middle of the copy leaves a snapshot that no container has: the engine's start removes it. */
  async prepare(key: string, parent: string | undefined): Promise<void> {
    await this.layers.prepare(key, parent);
    if (parent === undefined) return;
    try {
      await this.options.trees.copy(this.directory(parent), this.directory(key));
    } catch (error) {
      await this.layers.remove(key);
      throw error;
    }
  }

  /** Nothing is below: `upperDir` is all there is. */
  async root(key: string): Promise<{ lowerDirs: string[]; upperDir: string; workDir: string }> {
    const { upperDir, workDir } = await this.layers.root(key);
    return { lowerDirs: [], upperDir, workDir };
  }

  /** Of an active one: the files that are not as in its parent, found by comparing the two trees. */
  async usage(key: string): Promise<number> {
    const row = this.layers.find(key);
    if (row?.kind !== "active" || row.parent === null) return await this.layers.usage(key);
    const { trees } = this.options;
    return await changedBytes(trees.list(this.directory(row.parent)), trees.list(this.directory(key)));
  }

  async commit(staged: StagedLayer, key: string, parent: string | undefined): Promise<void> {
    if (this.layers.find(key) !== undefined) return this.layers.discard(staged);
    try {
      await this.assemble(staged, parent);
      // The caller's sync was before the copy.
      await this.options.unpacker.sync(this.layers.directoryOf(staged));
    } catch (error) {
      this.layers.discard(staged);
      throw error;
    }
    await this.layers.commit(staged, key, parent);
  }

  async assemble(staged: StagedLayer, parent: string | undefined, signal?: AbortSignal): Promise<void> {
    const { trees, kernel } = this.options;
    const layer = this.layers.directoryOf(staged);
    const [whole, rest] = [join(dirname(layer), "whole"), join(dirname(layer), "layer")];
    await mkdir(whole, { mode: 0o700 });
    if (parent === undefined) await chmod(whole, 0o755);
    else await trees.copy(this.directory(parent), whole, signal);
    const keepRoot = ((await lstat(layer)).mode & 0o7777) === UNSET_MODE;
    await trees.merge(layer, whole, { keepRoot }, signal);
    await rename(layer, rest);
    await rename(whole, layer);
    await kernel.removeTree(rest);
  }

  directory(key: string): string {
    return this.layers.directory(key);
  }

  directoryOf(staged: StagedLayer): string {
    return this.layers.directoryOf(staged);
  }

  replace(staged: StagedLayer, key: string): Promise<void> {
    return this.layers.replace(staged, key);
  }

  remove(key: string): Promise<void> {
    return this.layers.remove(key);
  }

  active(): Promise<string[]> {
    return this.layers.active();
  }

  find(key: string): SnapshotRow | undefined {
    return this.layers.find(key);
  }

  committedKeys(): string[] {
    return this.layers.committedKeys();
  }

  stage(
    layer: LayerInput,
    signal: AbortSignal,
    onProgress?: (inputBytes: number) => void,
  ): Promise<StagedLayer> {
    return this.layers.stage(layer, signal, onProgress);
  }

  discard(staged: StagedLayer): void {
    this.layers.discard(staged);
  }

  settled(): Promise<void> {
    return this.layers.settled();
  }
}
