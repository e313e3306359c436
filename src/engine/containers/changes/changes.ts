import type { ContainerTrees, TreeChange } from "../../../kernel/container-tree.ts";
import { MADE_BY_US, type TreeAccess } from "../archive/tree-access.ts";
import type { StoredContainerDirectory } from "../container-directory.ts";

/** One entry of `GET /containers/{id}/changes`. */
export interface ContainerChange {
  readonly Path: string;
  /** 0 modified, 1 added, 2 deleted. */
  readonly Kind: 0 | 1 | 2;
}

export interface ChangesDependencies {
  readonly directory: StoredContainerDirectory;
  readonly trees: ContainerTrees;
  readonly access: TreeAccess;
}

const KINDS: Readonly<Record<TreeChange["kind"], ContainerChange["Kind"]>> = {
  modified: 0,
  added: 1,
  deleted: 2,
};

/** `docker diff`: sorted by path. Throws notFound. */
export function createChanges({ directory, trees, access }: ChangesDependencies) {
  return async (ref: string, signal?: AbortSignal): Promise<ContainerChange[]> => {
    const layers = await access.changedLayersOf(directory.get(ref));
    const changes = await trees.changes(layers, { madeByUs: MADE_BY_US }, signal);
    return changes
      .map(({ path, kind }) => ({ Path: path, Kind: KINDS[kind] }))
      .sort((a, b) => (a.Path < b.Path ? -1 : a.Path > b.Path ? 1 : 0));
  };
}
