import { expect, test } from "bun:test";
import { compareTreePaths, decodeTreeList, shownName } from "./tree-list.ts";

function record(path: string, target = ""): Uint8Array {
  const bytes = Buffer.alloc(72 + path.length + target.length);
  const numbers = [path.length, target.length, 0o100644, 1000, 50, 1, 0, 0];
  for (const [index, number] of numbers.entries()) bytes.writeUInt32LE(number, index * 4);
  bytes.writeBigUInt64LE(7n, 32);
  bytes.writeBigUInt64LE(4096n, 40);
  bytes.writeBigInt64LE(-1n, 48);
  bytes.writeUInt32LE(5, 56);
  bytes.writeUInt32LE(2, 60);
  bytes.writeBigUInt64LE(99n, 64);
  bytes.write(path + target, 72, "latin1");
  return bytes;
}

async function* inPieces(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test.each([1, 7, 71, 72, 10_000])("entries in pieces of %d bytes", async (size) => {
  const bytes = Buffer.concat([record("/a", "/t"), record("/a/b\xff"), record("/c")]);
  const entries = (await Array.fromAsync(decodeTreeList(inPieces(bytes, size)))).flat();
  expect(entries.map((entry) => entry.path)).toEqual(["/a", "/a/b\xff", "/c"]);
  expect(entries[0]).toEqual({
    path: "/a",
    target: "/t",
    mode: 0o100644,
    uid: 1000,
    gid: 50,
    opaque: true,
    whiteout: false,
    major: 0,
    minor: 0,
    sizeBytes: 7,
    allocatedBytes: 4096,
    mtimeNs: -999_999_995n,
    links: 2,
    inode: 99n,
  });
});

test("a list that ends early, and one with absurd lengths", async () => {
  const cut = inPieces(record("/abc").subarray(0, 74), 100);
  await expect(Array.fromAsync(decodeTreeList(cut))).rejects.toThrow("ends in the middle");
  const absurd = Buffer.alloc(80, 0xff);
  await expect(Array.fromAsync(decodeTreeList(inPieces(absurd, 80)))).rejects.toThrow("too long");
});

test("a directory comes right before what is in it", () => {
  const sorted = ["/a", "/a/z", "/a/z/1", "/a!", "/a.b", "/ab", "/b"];
  const shuffled = [3, 6, 0, 5, 2, 4, 1].map((index) => sorted[index] ?? "");
  expect(shuffled.sort(compareTreePaths)).toEqual(sorted);
  expect(compareTreePaths("/a", "/a")).toBe(0);
});

test("names that are no UTF-8", () => {
  expect(shownName("/plain")).toBe("/plain");
  expect(shownName(Buffer.from("/grün").toString("latin1"))).toBe("/grün");
  expect(shownName("/\xff")).toBe("/\ufffd");
});
