import type { LayerFile, UnpackResult } from "../../kernel/shim-session.ts";
import type { Snapshots } from "../images.ts";
import type { SnapshotRow } from "./snapshot-rows.ts";

/** A layer's tar: a file, plain or compressed with gzip or zstd; or a stream of the uncompressed tar. */
export type LayerInput = LayerFile | AsyncIterable<Uint8Array>;

/** A layer's files that no row knows yet. Commit it, after a sync of the disk, or discard it. */
export interface StagedLayer extends UnpackResult {
  readonly number: number;
}

/** What the layer store needs of a snapshot driver beyond what containers do. */
export interface SnapshotDriver extends Snapshots {
  find(key: string): SnapshotRow | undefined;
  committedKeys(): string[];
  /**
   * Unpacks a layer into a directory of its own. Independent of its parent, so that layers can be unpacked side by side.
   * Throws invalid for a broken archive; leaves nothing then, nor when canceled.
   */
  stage(
    layer: LayerInput,
    signal: AbortSignal,
    onProgress?: (inputBytes: number) => void,
  ): Promise<StagedLayer>;
  discard(staged: StagedLayer): void;
  /**
   * Makes a staged layer the snapshot `key`, or discards it when that exists. Its row is on the disk with the next durable
   * commit, that of the image which needs it at the latest. Throws notFound for a missing parent.
   */
  commit(staged: StagedLayer, key: string, parent: string | undefined): Promise<void>;
  /**
   * Makes of a staged layer what a snapshot on `parent` is to hold: nothing is left to do for overlay, the whole tree for vfs. `commit`
   * does it itself; this is for whoever compares the layer with a snapshot that is there.
   */
  assemble(staged: StagedLayer, parent: string | undefined, signal?: AbortSignal): Promise<void>;
  /** Where a snapshot's files are: of overlay its own only, of vfs all. Throws notFound. */
  directory(key: string): string;
  directoryOf(staged: StagedLayer): string;
  /**
   * Puts a staged and assembled layer, which is on the disk, in the place of the committed snapshot `key`, in one transaction. The old
   * directory stays until the next start: somebody may just be mounting it. Throws notFound.
   */
  replace(staged: StagedLayer, key: string): Promise<void>;
  /** Resolves when every removal begun so far has ended. */
  settled(): Promise<void>;
}
