/** The use-cases of containers' files, as the HTTP edge calls them. `ref` is an id, a unique prefix of one, or a name. */
import type { ImageId } from "../../../base/ids.ts";
import type { ContainerChange } from "../changes/changes.ts";
import type { CommitOptions } from "../commit/commit.ts";
import type { OpenArchive, PutArchiveOptions } from "./archive.ts";
import type { PathStat } from "./path-stat.ts";

export type { CommitOptions, ContainerChange, OpenArchive, PathStat, PutArchiveOptions };

export interface ContainerFilesBackend {
  /** Throws notFound `Could not find the file /x in container y`. */
  statPath(ref: string, path: string, signal: AbortSignal): Promise<PathStat>;
  getArchive(ref: string, path: string, signal: AbortSignal): Promise<OpenArchive>;
  putArchive(
    ref: string,
    path: string,
    body: AsyncIterable<Uint8Array>,
    options: PutArchiveOptions,
    signal: AbortSignal,
  ): Promise<void>;
  export(ref: string, signal: AbortSignal): Promise<AsyncGenerator<Uint8Array, void, undefined>>;
  changes(ref: string, signal: AbortSignal): Promise<ContainerChange[]>;
  commit(ref: string, options: CommitOptions, signal: AbortSignal): Promise<ImageId>;
}
