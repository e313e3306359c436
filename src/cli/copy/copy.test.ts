/** The pure parts and, in a directory of its own, packing and unpacking against each other. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ByteText, fromText, toBuffer } from "./byte-text.ts";
import { keepEnding, linkedPath, planCopy, renamed, splitCopyArgument, splitPath } from "./copy-paths.ts";
import { localSource, localTarget } from "./local-ends.ts";
import { packTree } from "./pack-tree.ts";
import { readMembers } from "./read-members.ts";
import { type TarMember, tarHeader } from "./tar-header.ts";
import { unpackTree } from "./unpack-tree.ts";

test.each([
  ["web:/etc", "web", "/etc"],
  ["web:etc:x", "web", "etc:x"],
  ["/a:b", "", "/a:b"],
  ["./a:b", "", "./a:b"],
  ["a", "", "a"],
  [":a", "", "a"],
])("splitCopyArgument %s", (text, container, path) => {
  expect(splitCopyArgument(text)).toEqual({ container, path });
});

test.each([
  ["/a/b", ["/a", "b"]],
  ["/a/b/", ["/a", "b"]],
  ["/a/b/.", ["/a/b", "."]],
  ["/a/b/./", ["/a/b", "."]],
  ["/", ["/", "/"]],
  ["/a", ["/", "a"]],
  ["a", [".", "a"]],
  [".", [".", "."]],
] as const)("splitPath %s", (path, parts) => expect(splitPath(path)).toEqual([...parts]));

test.each([
  ["/x", "/a/.", "/x/."],
  ["/x", "/a/", "/x/"],
  ["/", "/", "/"],
  ["/", "/.", "/."],
  ["/x", "/a", "/x"],
])("keepEnding(%s, %s)", (resolved, given, path) => expect(keepEnding(resolved, given)).toBe(path));

test("linkedPath", () => {
  expect(linkedPath("/a/link", "b")).toBe("/a/b");
  expect(linkedPath("/a/link", "../b")).toBe("/b");
  expect(linkedPath("/a/link", "/c")).toBe("/c");
});

describe("planCopy", () => {
  const file = { path: "/src/f", isDirectory: false, rebaseName: "" };
  const tree = { path: "/src/d", isDirectory: true, rebaseName: "" };
  const contents = { path: "/src/d/.", isDirectory: true, rebaseName: "" };
  const dir = { path: "/dst", exists: true, isDirectory: true };
  const old = { path: "/dst/old", exists: true, isDirectory: false };
  const free = { path: "/dst/new", exists: false, isDirectory: false };
  test.each([
    ["a file into a directory", file, dir, "/dst", undefined],
    ["a file onto a file", file, old, "/dst", ["f", "old"]],
    ["a file to a new name", file, free, "/dst", ["f", "new"]],
    ["a tree into a directory", tree, dir, "/dst", undefined],
    ["a tree to a new name", tree, free, "/dst", ["d", "new"]],
    ["a tree to a new name with a slash", tree, { ...free, path: "/dst/new/" }, "/dst", ["d", "new"]],
    ["a tree's contents to a new name", contents, free, "/dst", [".", "new"]],
    ["under the name of a link", { ...tree, rebaseName: "link" }, dir, "/dst", ["d", "link"]],
  ] as const)("%s", (_, source, target, directory, rename) => {
    expect(planCopy(source, target) as object).toEqual({ directory, rename });
  });

  test("what cannot be", () => {
    expect(() => planCopy(tree, old)).toThrow("cannot copy directory");
    expect(() => planCopy(file, { ...free, path: "/dst/new/" })).toThrow("no such directory");
  });

  test("names are changed in their first word alone", () => {
    expect(renamed("d/d/x", ["d", "new"])).toBe("new/d/x");
    expect(renamed("./d", [".", "new"])).toBe("new/d");
    expect(renamed("bin/x", ["/", "$&"])).toBe("$&bin/x");
  });
});

describe("trees", () => {
  let scratch: ByteText;
  const at = (name: string) => `${scratch}/${name}` as ByteText;
  beforeEach(() => {
    scratch = fromText(mkdtempSync(join(tmpdir(), "berth-copy-")));
  });
  afterEach(() => rmSync(scratch, { recursive: true, force: true }));

  async function roundTrip(source: string, target: string): Promise<void> {
    const from = localSource(at(source), false);
    const plan = planCopy(from, localTarget(at(target)));
    await unpackTree(packTree(from.path, plan.rename), { directory: plan.directory, rename: undefined });
  }

  test("contents, modes, times, links and odd names survive", async () => {
    mkdirSync(at("in/sub"), { recursive: true });
    writeFileSync(at("in/file"), "hello");
    chmodSync(at("in/file"), 0o4751);
    utimesSync(at("in/file"), 1_600_000_000, 1_600_000_000.5);
    linkSync(at("in/file"), at("in/sub/same"));
    symlinkSync("../../outside", at("in/link"));
    const odd = `in/${"n".repeat(120)}\xff`;
    writeFileSync(toBuffer(at(odd)), "odd");
    chmodSync(at("in/sub"), 0o555);
    await roundTrip("in", "out");
    const file = lstatSync(at("out/file"), { bigint: true });
    expect(readFileSync(at("out/file"), "utf8")).toBe("hello");
    expect(Number(file.mode) & 0o7777).toBe(0o4751);
    expect(file.mtimeNs).toBe(1_600_000_000_500_000_000n);
    expect(lstatSync(at("out/sub/same"), { bigint: true }).ino).toBe(file.ino);
    expect(readlinkSync(at("out/link"))).toBe("../../outside");
    expect(readFileSync(toBuffer(at(odd.replace("in/", "out/"))), "utf8")).toBe("odd");
    expect(lstatSync(at("out/sub")).mode & 0o7777).toBe(0o555);
    chmodSync(at("out/sub"), 0o755);
    chmodSync(at("in/sub"), 0o755);
  });

  test("into a directory that is there it is merged", async () => {
    mkdirSync(at("in/sub"), { recursive: true });
    writeFileSync(at("in/sub/new"), "");
    mkdirSync(at("out/in/sub"), { recursive: true });
    writeFileSync(at("out/in/sub/old"), "");
    await roundTrip("in", "out");
    expect(readdirSync(at("out/in/sub")).sort()).toEqual(["new", "old"]);
  });

  test("a directory takes no file's place, nor a file that of a directory", async () => {
    mkdirSync(at("in/x"), { recursive: true });
    mkdirSync(at("out/in"), { recursive: true });
    writeFileSync(at("out/in/x"), "");
    await expect(roundTrip("in", "out")).rejects.toThrow("cannot overwrite non-directory");
    rmSync(at("in/x"), { recursive: true });
    writeFileSync(at("in/x"), "");
    rmSync(at("out/in/x"));
    mkdirSync(at("out/in/x"));
    await expect(roundTrip("in", "out")).rejects.toThrow("cannot overwrite directory");
  });

  const MEMBER: TarMember = {
    name: fromText("x"),
    type: "file",
    size: 0,
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtimeNs: 0n,
    linkName: fromText(""),
    major: 0,
    minor: 0,
    xattrs: new Map(),
  };
  const tarOf = (...members: readonly Partial<TarMember>[]) =>
    new Blob(members.map((member) => new Uint8Array(tarHeader({ ...MEMBER, ...member })))).stream();

  test("nothing is written through a link, nor outside", async () => {
    mkdirSync(at("out"));
    mkdirSync(at("victim"));
    const plan = { directory: at("out"), rename: undefined };
    const link = { type: "symlink", name: fromText("l"), linkName: at("victim") } as const;
    await expect(unpackTree(tarOf(link, { name: fromText("l/f") }), plan)).rejects.toThrow("written through");
    await expect(unpackTree(tarOf({ name: fromText("a/../../f") }), plan)).rejects.toThrow("leads out");
    const hard = { type: "hardlink", name: fromText("h"), linkName: fromText("../victim/f") } as const;
    await expect(unpackTree(tarOf(hard), plan)).rejects.toThrow("leads out");
    expect(readdirSync(at("victim"))).toEqual([]);
    // A file in the place of a link is a new file.
    await unpackTree(tarOf(link, { name: fromText("l") }), plan);
    expect(lstatSync(at("out/l")).isFile()).toBe(true);
  });

  test("what is no tar, and what breaks off", async () => {
    const plan = { directory: scratch, rename: undefined };
    await expect(unpackTree(new Blob(["x".repeat(512)]).stream(), plan)).rejects.toThrow(
      "invalid tar header",
    );
    await expect(unpackTree(tarOf({ size: 5 }), plan)).rejects.toThrow("unexpected EOF");
  });

  test("numbers and names that no field holds come back from pax records", async () => {
    const big = {
      uid: 3_000_000,
      gid: 4_000_000,
      mtimeNs: -1_500_000_001n,
      linkName: fromText("t".repeat(200)),
      type: "symlink",
      name: fromText("é".repeat(90)),
      xattrs: new Map([["security.capability", new Uint8Array([1, 0, 10])]]),
    } as const;
    const seen: TarMember[] = [];
    for await (const { body: _, ...member } of readMembers(tarOf(big))) seen.push(member);
    expect(seen[0]?.xattrs.get("security.capability")).toEqual(Buffer.from([1, 0, 10]));
    expect(seen.map(({ xattrs: _, ...member }) => member)).toEqual([
      { ...MEMBER, ...big, xattrs: undefined } as unknown as TarMember,
    ]);
  });

  test("a source with a slash behind it is what the link leads to", () => {
    mkdirSync(at("real"));
    symlinkSync("real", at("link"));
    expect(localSource(at("link"), false)).toMatchObject({ isDirectory: false, rebaseName: "" });
    expect(localSource(`${at("link")}/` as ByteText, false)).toMatchObject({
      isDirectory: true,
      rebaseName: "link",
    });
    expect(localSource(at("link"), true)).toEqual({
      path: at("real"),
      isDirectory: true,
      rebaseName: "link",
    });
    expect(localTarget(at("link"))).toEqual({ path: at("real"), exists: true, isDirectory: true });
    expect(() => localSource(at("none"), false)).toThrow(`lstat ${scratch}/none: no such file or directory`);
    expect(() => localTarget(at("none/x"))).toThrow("no such file or directory");
  });
});
