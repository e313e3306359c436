/** The use-cases of images, as the HTTP edge calls them. */
import type { Filters } from "../../api/filters.ts";
import type {
  ImageDeleteEntry,
  ImageHistoryEntry,
  ImageInspectView,
  ImageSummary,
  ProgressMessage,
} from "../../api/image-views.ts";

/** `ref` is a name with or without tag, a digest, an id or a unique prefix of one. */
export interface ImagesBackend {
  list(options: {
    all: boolean;
    digests: boolean;
    sharedSize: boolean;
    filters: Filters;
    manifests?: boolean;
  }): Promise<ImageSummary[]>;
  /** Throws notFound also when the image is not for `platform`. */
  inspect(
    ref: string,
    options?: { platform?: string | undefined; manifests?: boolean },
  ): Promise<ImageInspectView>;
  history(ref: string, options?: { platform?: string | undefined }): Promise<ImageHistoryEntry[]>;
  tag(ref: string, target: { repo: string; tag: string }): Promise<void>;
  /** `platforms`: only if the image is for one of them. */
  remove(
    ref: string,
    options: { force: boolean; noPrune: boolean; platforms?: readonly string[] },
  ): Promise<ImageDeleteEntry[]>;
  /** A docker-archive or OCI layout, gzip, zstd or plain. Errors after the first message come as a message. */
  load(
    body: AsyncIterable<Uint8Array>,
    options: { quiet: boolean; platform: string | undefined },
    signal: AbortSignal,
  ): AsyncIterable<ProgressMessage>;
  /** A root file system as one tar. `changes` are Dockerfile instructions (CMD, ENV, …). */
  import(
    body: AsyncIterable<Uint8Array>,
    options: {
      repo: string;
      tag: string;
      message: string;
      changes: readonly string[];
      platform: string | undefined;
    },
    signal: AbortSignal,
  ): AsyncIterable<ProgressMessage>;
}
