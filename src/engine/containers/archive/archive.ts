import { EngineError } from "../../../base/errors.ts";
import { decompress } from "../../../host/stream-decompression.ts";
import type { ContainerTree, ContainerTrees, PutOptions } from "../../../kernel/container-tree.ts";
import { publishContainerEvent } from "../../events/container-events.ts";
import type { EventSink } from "../../events/event-sink.ts";
import type { StoredContainerDirectory } from "../container-directory.ts";
import type { ContainerEntry } from "../container-entry.ts";
import { containerPath } from "./container-path.ts";
import { type PathStat, pathStat } from "./path-stat.ts";
import type { TreeAccess } from "./tree-access.ts";

export interface ArchiveDependencies {
  readonly directory: StoredContainerDirectory;
  readonly trees: ContainerTrees;
  readonly access: TreeAccess;
  readonly events: EventSink;
}

export interface PutArchiveOptions {
  readonly noOverwriteDirNonDir: boolean;
  /** Docker's copyUIDGID: all that is copied belongs to the container's user. */
  readonly copyUidGid: boolean;
}

export interface OpenArchive {
  readonly stat: PathStat;
  /** To be read to its end or returned: a stopped container waits for it. */
  readonly tar: AsyncGenerator<Uint8Array, void, undefined>;
}

/** `docker cp`, both ways, as moby's daemon/archive_unix.go. Paths are the container's own, relative ones below its root. */
export class ContainerArchives {
  constructor(private readonly dependencies: ArchiveDependencies) {}

  /** Throws notFound for a container or path that is not there. */
  async stat(ref: string, path: string, signal?: AbortSignal): Promise<PathStat> {
    const entry = this.dependencies.directory.get(ref);
    const { absolute, base } = containerPath(path);
    return await this.use(entry, { ref, path }, async (tree) =>
      pathStat(base, await this.dependencies.trees.stat(tree, absolute, signal)),
    );
  }

  /** Resolves when the first byte is about to come: everything that can be wrong with the path has been thrown by then. */
  async get(ref: string, path: string, signal: AbortSignal): Promise<OpenArchive> {
    const { directory, trees, events } = this.dependencies;
    const entry = directory.get(ref);
    const { absolute, base } = containerPath(path);
    const opened = Promise.withResolvers<OpenArchive>();
    const finished = Promise.withResolvers<void>();
    // The tree is in use until the archive was read, though this method has returned long before.
    this.use(entry, { ref, path }, async (tree) => {
      const { entry: found, tar } = await trees.get(tree, absolute, base, signal);
      signal.addEventListener("abort", () => finished.resolve(), { once: true });
      opened.resolve({ stat: pathStat(base, found), tar: endingWith(tar, finished.resolve) });
      await finished.promise;
    }).catch(opened.reject);
    const archive = await opened.promise;
    publishContainerEvent(events, entry.record, "archive-path");
    return archive;
  }

  /**
   * Unpacks a tar, compressed or not, into a directory of the container. Throws notFound, invalid ("extraction point is not a
   * directory"), denied for what is mounted read-only.
   */
  async put(
    ref: string,
    path: string,
    body: AsyncIterable<Uint8Array>,
    options: PutArchiveOptions,
    signal: AbortSignal,
  ): Promise<void> {
    const { directory, trees, events } = this.dependencies;
    const entry = directory.get(ref);
    const { absolute } = containerPath(path);
    const user = entry.record.config.User ?? "";
    const how: PutOptions = {
      keepKinds: options.noOverwriteDirNonDir,
      owner: options.copyUidGid && user !== "" ? user : undefined,
    };
    await this.use(entry, { ref, path }, (tree) => trees.put(tree, absolute, decompress(body), how, signal), {
      once: true,
    });
    publishContainerEvent(events, entry.record, "extract-to-dir");
  }

  private async use<T>(
    entry: ContainerEntry,
    asked: { readonly ref: string; readonly path: string },
    work: (tree: ContainerTree) => Promise<T>,
    how: { readonly once?: boolean } = {},
  ): Promise<T> {
    try {
      return await this.dependencies.access.use(entry, work, how);
    } catch (error) {
      if (error instanceof EngineError && error.details.word === "missing") {
        const message = `Could not find the file ${asked.path} in container ${asked.ref}`;
        throw new EngineError("notFound", message, { cause: error });
      }
      throw error;
    }
  }
}

async function* endingWith(
  source: AsyncIterable<Uint8Array>,
  end: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* source;
  } finally {
    end();
  }
}
