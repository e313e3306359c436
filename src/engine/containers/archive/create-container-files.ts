import { createChanges } from "../changes/changes.ts";
import { type CommitDependencies, ContainerCommitter } from "../commit/commit.ts";
import { createExport } from "../export/export.ts";
import { ContainerArchives } from "./archive.ts";
import type { ContainerFilesBackend } from "./container-files-use-cases.ts";
import { TreeAccess } from "./tree-access.ts";

export type ContainerFilesDependencies = Omit<CommitDependencies, "access">;

/** Puts the use-cases of containers' files together. */
export function createContainerFiles(given: ContainerFilesDependencies): ContainerFilesBackend {
  const parentOf = (key: string) => given.store.snapshots.find(key)?.parent ?? undefined;
  const dependencies = { ...given, access: new TreeAccess(given.store.layers, parentOf) };
  const archives = new ContainerArchives(dependencies);
  const committer = new ContainerCommitter(dependencies);
  return {
    statPath: (ref, path, signal) => archives.stat(ref, path, signal),
    getArchive: (ref, path, signal) => archives.get(ref, path, signal),
    putArchive: (ref, path, body, options, signal) => archives.put(ref, path, body, options, signal),
    export: createExport(dependencies),
    changes: createChanges(dependencies),
    commit: (ref, options, signal) => committer.commit(ref, options, signal),
  };
}
