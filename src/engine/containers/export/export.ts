import type { ContainerTrees } from "../../../kernel/container-tree.ts";
import { publishContainerEvent } from "../../events/container-events.ts";
import type { EventSink } from "../../events/event-sink.ts";
import type { TreeAccess } from "../archive/tree-access.ts";
import type { StoredContainerDirectory } from "../container-directory.ts";

export interface ExportDependencies {
  readonly directory: StoredContainerDirectory;
  readonly trees: ContainerTrees;
  readonly access: TreeAccess;
  readonly events: EventSink;
}

/**
 * `docker export`: the container's own file system as a tar, running or not; what is mounted on it is not part of it. Resolves at the
 * first bytes, so that what cannot be exported has a status. The stream is to be read to its end or returned.
 */
export function createExport({ directory, trees, access, events }: ExportDependencies) {
  return async (ref: string, signal: AbortSignal): Promise<AsyncGenerator<Uint8Array, void, undefined>> => {
    const entry = directory.get(ref);
    const opened = Promise.withResolvers<AsyncGenerator<Uint8Array, void, undefined>>();
    const finished = Promise.withResolvers<void>();
    access
      .use(entry, async (tree) => {
        const source = trees.export(tree, signal)[Symbol.asyncIterator]();
        const first = await source.next();
        signal.addEventListener("abort", () => finished.resolve(), { once: true });
        opened.resolve(startingWith(first, source, finished.resolve));
        await finished.promise;
      })
      .catch(opened.reject);
    const tar = await opened.promise;
    publishContainerEvent(events, entry.record, "export");
    return tar;
  };
}

async function* startingWith(
  first: IteratorResult<Uint8Array, unknown>,
  rest: AsyncIterator<Uint8Array>,
  end: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for (let step = first; step.done !== true; step = await rest.next()) yield step.value;
  } finally {
    await rest.return?.();
    end();
  }
}
