import { expect, test } from "bun:test";
import type { TreeEntry } from "../../kernel/tree-list.ts";
import type { Trees } from "../../kernel/trees.ts";
import { stackedPaths } from "./layer-view-stack.ts";

const never = new AbortController().signal;

/** `f:/path=size`, `d:/path`, `o:/path` (opaque), `w:/path` (whiteout). */
function entry(text: string): TreeEntry {
  const [kind = "", rest = ""] = text.split(":");
  const [path = "", size = "0"] = rest.split("=");
  const mode = kind === "f" ? 0o100644 : kind === "w" ? 0o020000 : 0o040755;
  return {
    path,
    mode,
    uid: 0,
    gid: 0,
    opaque: kind === "o",
    whiteout: kind === "w",
    major: 0,
    minor: 0,
    sizeBytes: Number(size),
    allocatedBytes: 0,
    mtimeNs: 0n,
    links: 1,
    inode: 1n,
    target: "",
  };
}

function treesOf(layers: Readonly<Record<string, readonly string[]>>): Pick<Trees, "list"> {
  return {
    async *list(directory) {
      yield (layers[directory] ?? []).map(entry);
    },
  };
}

async function visibleOf(
  ...layers: readonly (readonly string[])[]
): Promise<Record<string, readonly number[]>> {
  const named = Object.fromEntries(layers.map((layer, index) => [String(index), layer]));
  const found: Record<string, readonly number[]> = {};
  for await (const { path, visible } of stackedPaths(Object.keys(named), treesOf(named), never)) {
    found[path] = visible;
  }
  return found;
}

test("the topmost file is seen", async () => {
  expect(await visibleOf(["f:/a"], [], ["f:/a", "f:/b"])).toEqual({ "/a": [0, 2, 2], "/b": [2, 2, 2] });
});

test("a whiteout hides a file and all of a directory", async () => {
  const seen = await visibleOf(["w:/d", "w:/f"], ["d:/d", "f:/d/x", "f:/f"], ["d:/d", "f:/d/y"]);
  expect(seen).toEqual({
    "/d": [-1, 1, 2],
    "/d/x": [-1, 1, -1],
    "/d/y": [-1, 2, 2],
    "/f": [-1, 1, -1],
  });
});

test("an opaque directory hides what is below, not what is above it", async () => {
  const seen = await visibleOf(
    ["d:/d", "f:/d/top"],
    ["o:/d", "f:/d/mine"],
    ["d:/d", "f:/d/mine", "f:/d/old", "d:/d/sub", "f:/d/sub/x"],
  );
  expect(seen["/d/mine"]).toEqual([1, 1, 2]);
  expect(seen["/d/old"]).toEqual([-1, -1, 2]);
  expect(seen["/d/sub/x"]).toEqual([-1, -1, 2]);
  expect(seen["/d/top"]).toEqual([0, -1, -1]);
});

test("a file in the place of a directory, and a directory in the place of a file", async () => {
  const seen = await visibleOf(["d:/x", "f:/x/new"], ["f:/x"], ["d:/x", "f:/x/old"]);
  expect(seen["/x"]).toEqual([0, 1, 2]);
  expect(seen["/x/new"]).toEqual([0, -1, -1]);
  expect(seen["/x/old"]).toEqual([-1, -1, 2]);
});

test("a removed directory that comes back shows nothing of before", async () => {
  const seen = await visibleOf(["d:/d", "f:/d/new"], ["w:/d"], ["d:/d", "f:/d/old"]);
  expect(seen["/d/old"]).toEqual([-1, -1, 2]);
  expect(seen["/d/new"]).toEqual([0, -1, -1]);
});

test("names that begin alike do not lie in one another", async () => {
  const seen = await visibleOf(["w:/d"], ["d:/d", "f:/d/x", "f:/d.conf", "d:/dd", "f:/dd/x"]);
  expect(seen["/d.conf"]).toEqual([1, 1]);
  expect(seen["/dd/x"]).toEqual([1, 1]);
});
