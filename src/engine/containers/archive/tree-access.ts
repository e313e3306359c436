import { isKind } from "../../../base/errors.ts";
import type { ContainerTree, TreeBind, TreeCopy, TreeLayers } from "../../../kernel/container-tree.ts";
import type { Snapshots } from "../../../store/images.ts";
import type { ContainerEntry } from "../container-entry.ts";
import { prepareMounts } from "../create/prepare-mounts.ts";
import { resolveMounts } from "../create/resolve-mounts.ts";

/**
 * Where the engine makes mount points for every container (runtime/spec/mounts.ts): in Docker they belong to a layer of
 * their own and are never a container's change.
 */
export const MADE_BY_US: readonly string[] = [
  ...["dev", "dev/pts", "dev/shm", "dev/mqueue", "dev/console", "proc", "sys"],
  ...["etc", "etc/hosts", "etc/hostname", "etc/resolv.conf", ".dockerenv"],
];

/** An exit that is not recorded yet is within this. */
const RECORDING_MS = 10_000;

/** The trees of containers, running or not, and who may use them when. */
export class TreeAccess {
  /** `parentOf`: the snapshot that one was prepared from. */
  constructor(
    private readonly snapshots: Pick<Snapshots, "root" | "driver">,
    private readonly parentOf: (key: string) => string | undefined,
  ) {}

  /**
   * Calls `work` with the container's tree. That of a stopped one is its own for as long as `work` takes: the container is neither
   * started nor removed. A running one goes on meanwhile; when it ends just then, `work` throws conflict ("gone") and is
   * called again with the stopped one, unless `once`.
   */
  async use<T>(
    entry: ContainerEntry,
    work: (tree: ContainerTree) => Promise<T>,
    how: { readonly once?: boolean } = {},
  ): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      const running = runningTree(entry);
      if (running === undefined) return await entry.exclusively(() => this.useSettled(entry, work));
      try {
        return await work(running);
      } catch (error) {
        const isGone = isKind(error, "conflict") && error.details.word === "gone";
        if (!isGone || attempt > 0 || how.once === true) throw error;
        await entry.stopsWithin(RECORDING_MS);
      }
    }
  }

  async layersOf(entry: ContainerEntry): Promise<TreeLayers> {
    return await this.snapshots.root(entry.record.snapshot);
  }

  /** What tells of its changes: the overlay, or with `vfs` its whole tree and the one that it began as. */
  async changedLayersOf(entry: ContainerEntry): Promise<TreeLayers | TreeCopy> {
    const layers = await this.layersOf(entry);
    if (this.snapshots.driver !== "vfs") return layers;
    const parent = this.parentOf(entry.record.snapshot);
    const copyOf = parent === undefined ? undefined : (await this.snapshots.root(parent)).upperDir;
    return { directory: layers.upperDir, copyOf };
  }

  /** In the container's queue: it may have been started while this waited there. */
  private async useSettled<T>(entry: ContainerEntry, work: (tree: ContainerTree) => Promise<T>): Promise<T> {
    return await work(runningTree(entry) ?? (await this.stoppedTree(entry)));
  }

  private async stoppedTree(entry: ContainerEntry): Promise<ContainerTree> {
    const { hostConfig } = entry.record;
    const [layers, mounts] = await Promise.all([
      this.layersOf(entry),
      prepareMounts(resolveMounts(hostConfig)),
    ]);
    const binds = mounts.flatMap((mount): TreeBind[] =>
      mount.type !== "bind"
        ? []
        : [
            {
              source: mount.source,
              target: mount.target,
              readOnly: mount.readOnly || mount.readOnlyRecursive,
              recursive: mount.recursive,
            },
          ],
    );
    return { kind: "stopped", layers, binds, readOnly: hostConfig.ReadonlyRootfs === true };
  }
}

function runningTree(entry: ContainerEntry): ContainerTree | undefined {
  if (!entry.isRunning || entry.process === undefined) return undefined;
  return { kind: "running", pid: entry.process.pid, cgroup: entry.id };
}
