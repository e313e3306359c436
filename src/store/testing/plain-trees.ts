/** Trees for unit tests: regular files and directories, copied by node's own means. Knows no whiteouts; owners stay the test's. */
import { chmod, cp, lstat, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { compareTreePaths, type TreeEntry } from "../../kernel/tree-list.ts";
import type { Trees } from "../../kernel/trees.ts";

export const plainTrees: Trees = {
  async *list(directory) {
    const names = await readdir(directory, { recursive: true });
    const entries = await Promise.all(names.map((name) => entryAt(directory, name)));
    yield entries.sort((left, right) => compareTreePaths(left.path, right.path));
  },
  async space(directory) {
    const names = await readdir(directory, { recursive: true }).catch(() => []);
    const sizes = await Promise.all(
      names.map(async (name) => (await lstat(join(directory, name))).blocks * 512),
    );
    return sizes.reduce((sum, size) => sum + size, 0);
  },
  async compare(left, right, most) {
    const content = async (directory: string) =>
      new Map((await entriesOf(directory)).map((entry) => [entry.path, `${entry.mode} ${entry.sizeBytes}`]));
    const [a, b] = [await content(left), await content(right)];
    const paths = [...new Set([...a.keys(), ...b.keys()])].sort(compareTreePaths);
    const differing = paths.filter((path) => a.get(path) !== b.get(path)).slice(0, most);
    return differing.map((path) => ({
      path,
      what: !b.has(path) ? "missing" : a.has(path) ? "content" : "extra",
    }));
  },
  async copy(source, target) {
    await cp(source, target, { recursive: true, preserveTimestamps: true });
    await chmod(target, (await lstat(source)).mode & 0o7777);
  },
  async merge(layer, target, { keepRoot }) {
    const { mode } = await lstat(layer);
    for (const name of await readdir(layer)) {
      const [from, to] = [join(layer, name), join(target, name)];
      if ((await lstat(from)).isDirectory()) {
        await cp(from, to, { recursive: true, preserveTimestamps: true });
      } else {
        await rm(to, { recursive: true, force: true });
        await rename(from, to);
      }
    }
    if (!keepRoot) await chmod(target, mode & 0o7777);
  },
};

async function entriesOf(directory: string): Promise<TreeEntry[]> {
  return (await Array.fromAsync(plainTrees.list(directory))).flat();
}

async function entryAt(directory: string, name: string): Promise<TreeEntry> {
  const info = await lstat(join(directory, name), { bigint: true });
  return {
    path: `/${name}`,
    mode: Number(info.mode),
    uid: Number(info.uid),
    gid: Number(info.gid),
    opaque: false,
    whiteout: false,
    major: 0,
    minor: 0,
    sizeBytes: Number(info.size),
    allocatedBytes: Number(info.blocks) * 512,
    // Node copies times with less than nanoseconds.
    mtimeNs: info.mtimeNs / 1_000_000_000n,
    links: Number(info.nlink),
    inode: info.ino,
    target: "",
  };
}
