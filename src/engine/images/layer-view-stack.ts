/** The files of an image as its layers lie on one another, by overlayfs's rules (OCI image-spec layer.md, "Whiteouts"). */
import { compareTreePaths, isDirectory, type TreeEntry } from "../../kernel/tree-list.ts";
import type { Trees } from "../../kernel/trees.ts";
import { mergeLists } from "../../store/snapshots/merge-lists.ts";
import { isSameFile } from "../../store/snapshots/vfs-changes.ts";

/** One path of a stack. Index 0 is the topmost layer. */
export interface StackedPath {
  readonly path: string;
  /** What each layer has there, whiteouts too. */
  readonly entries: readonly (TreeEntry | undefined)[];
  /** `visible[k]`: which layer's entry is seen where only layer k and those below it are there; -1: none. */
  readonly visible: readonly number[];
}

/** `floors[k]`: of a directory, the lowest layer whose entries in it are seen where only layer k and those below are there. */
interface OpenDirectory {
  /** With a slash at its end. */
  readonly prefix: string;
  readonly floors: readonly number[];
}

/**
 * All paths of all layers, in the order of compareTreePaths. `directories`: topmost first. The lists are read as the caller comes to
 * them: memory is that of one directory's depth.
 */
export async function* stackedPaths(
  directories: readonly string[],
  trees: Pick<Trees, "list">,
  signal: AbortSignal,
): AsyncGenerator<StackedPath, void, undefined> {
  const lists = directories.map((directory) => trees.list(directory, signal));
  const all = directories.map(() => directories.length - 1);
  const open: OpenDirectory[] = [{ prefix: "/", floors: all }];
  for await (const entries of mergeLists(lists, (entry) => entry.path, compareTreePaths)) {
    const path = entries.find((entry) => entry !== undefined)?.path ?? "";
    while (!path.startsWith(open.at(-1)?.prefix ?? "/")) open.pop();
    const { visible, floors } = resolve(entries, open.at(-1)?.floors ?? all);
    yield { path, entries, visible };
    if (entries.some((entry) => entry !== undefined && isDirectory(entry))) {
      open.push({ prefix: `${path}/`, floors });
    }
  }
}

/** From the bottom up: what is seen of one path, given how deep one sees into the directory that it lies in. */
function resolve(
  entries: readonly (TreeEntry | undefined)[],
  parent: readonly number[],
): { visible: number[]; floors: number[] } {
  const visible: number[] = new Array(entries.length).fill(-1);
  const floors: number[] = new Array(entries.length).fill(-1);
  for (let at = entries.length - 1; at >= 0; at--) {
    const entry = entries[at];
    const limit = parent[at] ?? -1;
    const below = visible[at + 1] ?? -1;
    const belowSeen = below >= 0 && below <= limit ? below : -1;
    const deepest = Math.min(floors[at + 1] ?? -1, limit);
    if (entry === undefined) {
      visible[at] = belowSeen;
      floors[at] = deepest;
      continue;
    }
    visible[at] = entry.whiteout ? -1 : at;
    const lower = belowSeen < 0 ? undefined : entries[belowSeen];
    const goesThrough =
      isDirectory(entry) && !entry.opaque && lower !== undefined && isDirectory(lower) && !entry.whiteout;
    floors[at] = goesThrough ? Math.max(at, deepest) : at;
  }
  return { visible, floors };
}

/**
 * The same for a driver whose snapshots are whole trees: a layer's entries are those that are not as in the tree below it. Times of
 * directories do not count.
 */
export async function* wholeTreePaths(
  directories: readonly string[],
  trees: Pick<Trees, "list">,
  signal: AbortSignal,
): AsyncGenerator<StackedPath, void, undefined> {
  const lists = directories.map((directory) => trees.list(directory, signal));
  for await (const found of mergeLists(lists, (entry) => entry.path, compareTreePaths)) {
    const visible: number[] = new Array(found.length).fill(-1);
    for (let at = found.length - 1; at >= 0; at--) {
      const [entry, below] = [found[at], found[at + 1]];
      if (entry === undefined) continue;
      const isAsBelow = below !== undefined && isSameFile(below, entry);
      visible[at] = isAsBelow ? (visible[at + 1] ?? at) : at;
    }
    const path = found.find((entry) => entry !== undefined)?.path ?? "";
    yield { path, entries: found.map((entry, at) => (visible[at] === at ? entry : undefined)), visible };
  }
}
