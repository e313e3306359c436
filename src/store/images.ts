/** The ports of the image store, as `engine/` uses them. */
import type { ImageId } from "../base/ids.ts";
import type { ImageConfig } from "../oci/image-config.ts";

export type { ImageConfig };

export interface StoredImage {
  readonly id: ImageId;
  readonly config: ImageConfig;
  /** Bytes of all layers, unpacked. */
  readonly sizeBytes: number;
  /** `debian:bookworm`, familiar form, sorted. */
  readonly tags: readonly string[];
  readonly digests: readonly string[];
  /** Key of the topmost layer's snapshot; undefined for an image without layers. */
  readonly topSnapshot: string | undefined;
  readonly lastTaggedAt: string | undefined;
}

/** Layered directories. A key names a snapshot; a committed one may be a parent, an active one belongs to one container. */
export interface Snapshots {
  readonly driver: string;
  /** Makes an active snapshot on top of `parent`. Throws alreadyExists. */
  prepare(key: string, parent: string | undefined): Promise<void>;
  /** Where its directories are. Throws notFound. */
  root(key: string): Promise<{ lowerDirs: string[]; upperDir: string; workDir: string }>;
  /** Removes an active or childless committed snapshot; one that is not there is no error. */
  remove(key: string): Promise<void>;
  /** Bytes of the snapshot's own files, without its parents'. */
  usage(key: string): Promise<number>;
  /** Keys of all active snapshots, for the sweep after a crash. */
  active(): Promise<string[]>;
}
