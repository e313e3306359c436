import { lstat } from "node:fs/promises";
import type { ScrubFinding } from "../../api/storage-views.ts";
import { fromUnknown } from "../../base/errors.ts";
import { shownName } from "../../kernel/tree-list.ts";
import type { TreeDifference } from "../../kernel/trees.ts";
import type { StagedLayer } from "../../store/snapshots/snapshot-driver.ts";
import type { SnapshotRow } from "../../store/snapshots/snapshot-rows.ts";
import { imageLabel } from "./layer-view-facts.ts";
import type { ScrubDependencies, ScrubLines, ScrubOptions } from "./scrub-ports.ts";
import type { ScrubTally } from "./scrub-tally.ts";

const MOST_NAMED = 20;

interface ScrubbedLayer {
  readonly row: SnapshotRow;
  readonly diffId: string | undefined;
}

/**
 * Unpacks every layer once more, from its blob, and compares it with the snapshot: names, types, modes, owners, times, extended
 * attributes, contents. What was unpacked takes the snapshot's place where that is damaged and may be repaired. Parents come first:
 * a whole tree is made from its parent's.
 */
export async function* scrubSnapshots(
  dependencies: ScrubDependencies,
  options: ScrubOptions,
  tally: ScrubTally,
  badBlobs: ReadonlySet<string>,
  signal: AbortSignal,
): ScrubLines {
  const layers = layersToScrub(dependencies);
  for (const [index, layer] of layers.entries()) {
    signal.throwIfAborted();
    yield* tally.progress("snapshots", index, layers.length);
    const finding = await scrubLayer(dependencies, options, layer, badBlobs, signal);
    // Removed while it was compared: there is nothing to say about it.
    if (dependencies.store.snapshots.find(layer.row.key) === undefined) continue;
    tally.total.Bytes += layer.row.sizeBytes;
    if (finding === undefined) tally.ok();
    else yield tally.add(finding);
  }
}

function layersToScrub({ store }: ScrubDependencies): ScrubbedLayer[] {
  const diffIds = new Map<string, string>();
  for (const { id, config } of store.images.all()) {
    for (const [position, chainId] of store.images.layersOf(id).entries()) {
      const diffId = config.rootfs.diff_ids[position];
      if (diffId !== undefined) diffIds.set(chainId, diffId);
    }
  }
  const rows = store.snapshots.committedKeys().flatMap((key) => store.snapshots.find(key) ?? []);
  const depths = new Map<string, number>();
  const byKey = new Map(rows.map((row) => [row.key, row]));
  const depthOf = (row: SnapshotRow): number => {
    let depth = 0;
    for (let at: SnapshotRow | undefined = row; at !== undefined; depth++) {
      const known = depths.get(at.key);
      if (known !== undefined) return known + depth;
      at = at.parent === null ? undefined : byKey.get(at.parent);
    }
    return depth;
  };
  for (const row of rows) depths.set(row.key, depthOf(row));
  return rows
    .toSorted((left, right) => (depths.get(left.key) ?? 0) - (depths.get(right.key) ?? 0))
    .map((row) => ({ row, diffId: diffIds.get(row.key) }));
}

async function scrubLayer(
  dependencies: ScrubDependencies,
  options: ScrubOptions,
  layer: ScrubbedLayer,
  badBlobs: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ScrubFinding | undefined> {
  const { store } = dependencies;
  const { row, diffId } = layer;
  const blob =
    diffId === undefined
      ? undefined
      : store.images.layerBlobs(diffId).find(({ digest }) => !badBlobs.has(digest));
  if (blob === undefined || diffId === undefined) {
    return finding(dependencies, row, "unverifiable", "no sound blob of this layer is kept here");
  }
  using lease = store.content.hold();
  lease.add(blob.digest);
  let staged: StagedLayer | undefined;
  try {
    staged = await store.snapshots.stage({ path: store.content.path(blob.digest) }, signal);
    if (staged.diffId !== diffId) {
      return finding(dependencies, row, "unverifiable", `blob ${blob.digest} holds another layer`);
    }
    await store.snapshots.assemble(staged, row.parent ?? undefined, signal);
    const problem = await compare(dependencies, row, staged, signal);
    if (problem === undefined) return undefined;
    const found = finding(dependencies, row, problem.state, problem.detail);
    if (!options.repair) return found;
    if (isMounted(dependencies, row.key)) {
      return {
        ...found,
        Repair: "in-use",
        RepairDetail: "a running container uses this layer: stop it first",
      };
    }
    await store.synced();
    await store.snapshots.replace(staged, row.key);
    staged = undefined;
    return { ...found, Repair: "repaired", RepairDetail: `unpacked again from ${blob.digest}` };
  } catch (error) {
    signal.throwIfAborted();
    return finding(dependencies, row, "unverifiable", fromUnknown(error).message);
  } finally {
    if (staged !== undefined) store.snapshots.discard(staged);
  }
}

async function compare(
  { store, trees }: ScrubDependencies,
  row: SnapshotRow,
  staged: StagedLayer,
  signal: AbortSignal,
): Promise<{ state: "damaged" | "missing"; detail: string } | undefined> {
  const directory = store.snapshots.directory(row.key);
  const top = await lstat(directory).catch(() => undefined);
  if (top === undefined) return { state: "missing", detail: `${directory} is not there` };
  const differences = await trees.compare(store.snapshots.directoryOf(staged), directory, MOST_NAMED, signal);
  if ((top.mode & 0o7777) !== row.mode || top.uid !== row.uid || top.gid !== row.gid) {
    differences.unshift({ path: "/", what: "mode or owner" });
  }
  return differences.length === 0 ? undefined : { state: "damaged", detail: inWords(differences) };
}

function inWords(differences: readonly TreeDifference[]): string {
  const named = differences.slice(0, MOST_NAMED).map(({ path, what }) => `${shownName(path)}: ${what}`);
  return `${named.join(", ")}${differences.length >= MOST_NAMED ? ", and maybe more" : ""}`;
}

function finding(
  { store, records }: ScrubDependencies,
  row: SnapshotRow,
  state: ScrubFinding["State"],
  detail: string,
): ScrubFinding {
  const images = records.imagesWithLayer(row.key).flatMap((id) => store.images.find(id) ?? []);
  return {
    Kind: "finding",
    What: "snapshot",
    Id: row.key,
    State: state,
    Detail: detail,
    Images: images.map(imageLabel),
  };
}

/** With whole trees a container has copies only. */
function isMounted({ store, runningSnapshots }: ScrubDependencies, key: string): boolean {
  if (store.snapshots.driver === "vfs") return false;
  return runningSnapshots().some((top) => {
    for (let at = store.snapshots.find(top); at !== undefined; ) {
      if (at.key === key) return true;
      at = at.parent === null ? undefined : store.snapshots.find(at.parent);
    }
    return false;
  });
}
