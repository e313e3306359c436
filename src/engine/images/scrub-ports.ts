import type { ScrubLine } from "../../api/storage-views.ts";
import type { Trees } from "../../kernel/trees.ts";
import type { BlobDownload } from "../../store/content/blob-transfer.ts";
import type { ScrubRecords } from "../../store/gc/scrub-records.ts";
import type { ImageStore } from "../../store/image-store.ts";

/** Where lost blobs come from again. `main` fills it in with the registry client. */
export interface BlobSource {
  /** `repository`: as in blob_sources, `docker.io/library/alpine`. Throws what the registry client throws. */
  open(repository: string, digest: string, offsetBytes: number, signal: AbortSignal): Promise<BlobDownload>;
}

export interface ScrubDependencies {
  readonly store: ImageStore;
  readonly records: ScrubRecords;
  readonly trees: Trees;
  readonly source: BlobSource;
  /** Keys of the snapshots that running containers have mounted. */
  runningSnapshots(): readonly string[];
}

export interface ScrubOptions {
  readonly repair: boolean;
  /** Compare the layers' files too, which unpacks each layer once more. */
  readonly snapshots: boolean;
}

export type ScrubLines = AsyncGenerator<ScrubLine, void, undefined>;
