/**
 * Shapes of what Docker does not have: prune with a plan, pins, image diff, layer view, scrub. Streams are JSON lines
 * (`application/x-ndjson`): every line has a `Kind`; a failure after the first line is a last line with Kind "error".
 */
import type { ImageDeleteEntry } from "./image-views.ts";

/** `POST /images/prune?dry-run=1` (with the same `filters` as without): what would go, and why each other thing stays. */
export interface PrunePlanView {
  /** For `POST /images/prune` with the body `{"Plan": Id}`, within ten minutes, once. */
  Id: string;
  /** RFC 3339. */
  ExpiresAt: string;
  Remove: PruneRemoval[];
  Keep: PruneKept[];
  /** Bytes on the disk: the sum of Remove's. */
  SpaceReclaimed: number;
}

export interface PruneRemoval {
  Kind: "image";
  Id: string;
  Names: string[];
  /** What becomes free when this one goes after those before it. */
  Bytes: number;
  /** `no tag`, `no container uses it`, `parent of nothing that stays`. */
  Reason: string;
}

export interface PruneKept {
  Id: string;
  Names: string[];
  /**
   * `pinned`, `used by container web`, `parent of 0123456789ab`, `tagged`, `newer than until`, `label`; of a plan that is applied
   * also `got the name a:b`, `lost the name a:b`.
   */
  Reason: string;
}

/** Body of `POST /images/prune` that applies a plan. */
export interface PrunePlanRequest {
  Plan?: string;
}

/** `POST /images/prune`: Docker's answer; `Kept` only when a plan was applied. */
export interface ImagesPruneView {
  ImagesDeleted: ImageDeleteEntry[] | null;
  SpaceReclaimed: number;
  /** Things of the plan that changed since it was made, and therefore stayed. */
  Kept?: PruneKept[];
}

/** `GET /berth/images/pins`: a list of these. `PUT` and `DELETE /berth/images/{name}/pin` answer 204. */
export interface ImagePinView {
  Id: string;
  Names: string[];
}

export type FileType = "file" | "directory" | "symlink" | "character" | "block" | "fifo" | "socket";

/** One version of a file. */
export interface FileFacts {
  Type: FileType;
  /** Bytes of a regular file, 0 for all else. */
  Size: number;
  /** Permission bits with set-id and sticky. */
  Mode: number;
  Uid: number;
  Gid: number;
  /** Of a symbolic link. */
  Target?: string;
}

/**
 * `GET /berth/images/diff?from=A&to=B[&limit=N][&after=PATH]`, JSON lines: one "images", then "file"s in the order of paths, then one
 * "total". `limit` (at most and by default 100000) bounds the files of one answer; `after` goes on behind a path: `Next` of the total.
 */
export type ImageDiffLine =
  | {
      Kind: "images";
      From: ImageLabel;
      To: ImageLabel;
      /** Differences of the configuration: `Env`, `Labels.maintainer`, `Architecture`; undefined values are absent. */
      Config: ConfigDifference[];
    }
  | ({ Kind: "file" } & FileDifference)
  | ImageDiffTotal
  | StreamError;

export interface ImageLabel {
  Id: string;
  Names: string[];
}

export interface ConfigDifference {
  Path: string;
  From?: unknown;
  To?: unknown;
}

export interface FileDifference {
  Change: "added" | "changed" | "removed";
  /** Absolute, in the image. Bytes that are not UTF-8 are shown as U+FFFD. */
  Path: string;
  /** Absent for an added one. */
  From?: FileFacts;
  /** Absent for a removed one. */
  To?: FileFacts;
  /** What differs of a changed one: "type", "content" (size, time or link target), "mode", "owner". */
  Differs?: string[];
}

export interface ImageDiffTotal {
  Kind: "total";
  Added: number;
  Changed: number;
  Removed: number;
  /** Of regular files: of the added and the new versions of the changed; of the removed and the old versions. */
  BytesTo: number;
  BytesFrom: number;
  /** Where a further request goes on (`after`), when the limit cut the files; the counts above are of this answer's files. */
  Next?: string;
}

/**
 * `GET /berth/images/{name}/layers[?files=1][&limit=N]`, JSON lines: one "image", then each layer from the bottom up (with `files` its
 * files behind it), then one "total".
 */
export type ImageLayersLine =
  | ({ Kind: "image" } & ImageLabel)
  | LayerFacts
  | LayerFile
  | ImageLayersTotal
  | StreamError;

export interface LayerFacts {
  Kind: "layer";
  /** From 0 at the bottom. */
  Index: number;
  DiffId: string;
  /** `created_by` of the history. */
  Instruction: string;
  Created?: string;
  /** Bytes of its regular files. */
  Size: number;
  Added: number;
  Modified: number;
  Removed: number;
  /** Bytes of its files that a later layer overwrites or removes. */
  Wasted: number;
}

export interface LayerFile {
  Kind: "file";
  Layer: number;
  Change: "added" | "modified" | "removed";
  Path: string;
  Type?: FileType;
  Size: number;
  /** A later layer overwrites or removes it. */
  Wasted: boolean;
}

export interface ImageLayersTotal {
  Kind: "total";
  Layers: number;
  Size: number;
  Wasted: number;
  /** 1 − Wasted / Size: the share of the layers' bytes that can be seen in the image; 1 for an image without files. */
  Efficiency: number;
  /** The most wasteful paths, largest first, at most 100. */
  TopWasted: { Path: string; Versions: number; Bytes: number }[];
  /** Files that `limit` left out; 0 without `files`. */
  FilesOmitted: number;
}

/**
 * `POST /berth/storage/scrub[?repair=1][&snapshots=0]`, JSON lines: "progress" now and then, "finding" for each thing that is not right,
 * at the end one "total".
 */
export type ScrubLine = ScrubProgress | ScrubFinding | ScrubTotal | StreamError;

export interface ScrubProgress {
  Kind: "progress";
  Stage: "blobs" | "snapshots";
  Done: number;
  Of: number;
  Bytes: number;
}

export interface ScrubFinding {
  Kind: "finding";
  What: "blob" | "snapshot";
  /** The blob's digest or the layer's chain id. */
  Id: string;
  /** "unverifiable": a layer whose blob is not there, so that its files cannot be compared. */
  State: "damaged" | "missing" | "unverifiable";
  /** What is wrong, in words: `/etc/passwd: content`. At most 20 paths are named. */
  Detail: string;
  /** Images that need it. */
  Images: ImageLabel[];
  /** Absent without `repair`. */
  Repair?: "repaired" | "failed" | "in-use";
  RepairDetail?: string;
}

export interface ScrubTotal {
  Kind: "total";
  Ok: number;
  Damaged: number;
  Missing: number;
  Unverifiable: number;
  Repaired: number;
  Bytes: number;
}

export interface StreamError {
  Kind: "error";
  Message: string;
}
