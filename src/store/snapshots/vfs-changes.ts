import { compareTreePaths, FILE_TYPE_MASK, isRegular, type TreeEntry } from "../../kernel/tree-list.ts";
import { mergeLists } from "./merge-lists.ts";

/**
 * Bytes of the regular files of a tree that are not as in the tree it was copied from: what Docker's vfs driver counts as a container's
 * SizeRw. A file with the same size, time, mode and owner counts as the same. Each inode counts once.
 */
export async function changedBytes(
  before: AsyncIterable<TreeEntry[]>,
  after: AsyncIterable<TreeEntry[]>,
): Promise<number> {
  let bytes = 0;
  const counted = new Set<bigint>();
  for await (const [old, now] of mergeLists([before, after], (entry) => entry.path, compareTreePaths)) {
    if (now === undefined || !isRegular(now) || (old !== undefined && isSameFile(old, now))) continue;
    if (now.links > 1) {
      if (counted.has(now.inode)) continue;
      counted.add(now.inode);
    }
    bytes += now.sizeBytes;
  }
  return bytes;
}

/** By what stat(2) shows, as Docker and rsync decide it. */
export function isSameFile(left: TreeEntry, right: TreeEntry): boolean {
  return (
    left.mode === right.mode &&
    left.uid === right.uid &&
    left.gid === right.gid &&
    left.target === right.target &&
    left.major === right.major &&
    left.minor === right.minor &&
    ((left.mode & FILE_TYPE_MASK) === 0o040000 ||
      (left.sizeBytes === right.sizeBytes && left.mtimeNs === right.mtimeNs))
  );
}
