/** Changes, layers and exports of overlays that a test mounts itself, as a stopped container's are. */
import { describe, expect, test } from "bun:test";
import { lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ContainerTrees, type TreeLayers } from "../../../src/kernel/container-tree.ts";
import { failureOf, inPieces, run, withKernel } from "../kernel/kernel-fixture.ts";
import { fillTree, listing, setXattr } from "./tree-fixture.ts";

const kernel = withKernel();
const trees = () => new ContainerTrees(kernel.binary);
const NONE = { madeByUs: [] };

/** Two lower layers; `change` works in the mounted whole. */
async function layersAfter(change: (root: string) => void): Promise<TreeLayers> {
  const base = kernel.directory();
  const [one, two, upper, work, merged] = ["one", "two", "upper", "work", "merged"].map((name) =>
    join(base, name),
  );
  if (!one || !two || !upper || !work || !merged) throw new Error("unreachable");
  for (const path of [one, two, upper, work, merged]) mkdirSync(path);
  mkdirSync(join(one, "etc/conf.d"), { recursive: true });
  mkdirSync(join(one, "usr/share"), { recursive: true });
  for (const name of ["etc/a", "etc/b", "etc/conf.d/1", "etc/conf.d/2", "usr/share/x"])
    writeFileSync(join(one, name), name);
  mkdirSync(join(two, "etc"), { recursive: true });
  writeFileSync(join(two, "etc/b"), "newer b");
  writeFileSync(join(two, "etc/c"), "c");
  const options = `lowerdir=${two}:${one},upperdir=${upper},workdir=${work},index=off`;
  run("mount", "-t", "overlay", "overlay", "-o", options, merged);
  try {
    change(merged);
  } finally {
    run("umount", merged);
  }
  return { lowerDirs: [two, one], upperDir: upper, workDir: work };
}

async function changesAfter(
  change: (root: string) => void,
  madeByUs: readonly string[] = [],
): Promise<string[]> {
  const changes = await trees().changes(await layersAfter(change), { madeByUs });
  return changes.map(({ kind, path }) => `${kind[0]} ${path}`);
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe("changes", () => {
  test("nothing", async () => {
    expect(await changesAfter(() => {})).toEqual([]);
  });

  test("added, modified and deleted files bring their directories along", async () => {
    const changes = await changesAfter((root) => {
      writeFileSync(join(root, "etc/a"), "other");
      rmSync(join(root, "etc/c"));
      mkdirSync(join(root, "new/deep"), { recursive: true });
      writeFileSync(join(root, "usr/share/y"), "");
    });
    expect(changes).toEqual([
      "m /etc",
      "m /etc/a",
      "d /etc/c",
      "a /new",
      "a /new/deep",
      "m /usr",
      "m /usr/share",
      "a /usr/share/y",
    ]);
  });

  test("a directory that was removed and made anew tells what is missing in it", async () => {
    const changes = await changesAfter((root) => {
      rmSync(join(root, "etc/conf.d"), { recursive: true });
      mkdirSync(join(root, "etc/conf.d"));
      writeFileSync(join(root, "etc/conf.d/2"), "changed");
      writeFileSync(join(root, "etc/conf.d/3"), "new");
    });
    expect(changes).toEqual([
      "m /etc",
      "m /etc/conf.d",
      "d /etc/conf.d/1",
      "m /etc/conf.d/2",
      "a /etc/conf.d/3",
    ]);
  });

  test("a directory deleted whole is told of once; one that became a file is modified", async () => {
    const changes = await changesAfter((root) => {
      rmSync(join(root, "etc"), { recursive: true });
      rmSync(join(root, "usr"), { recursive: true });
      writeFileSync(join(root, "usr"), "a file now");
    });
    expect(changes).toEqual(["d /etc", "m /usr"]);
  });

  test("a file opened for writing and left as it was, or made and removed again, is no change", async () => {
    const changes = await changesAfter((root) => {
      run("dd", "if=/dev/null", `of=${join(root, "etc/a")}`, "conv=notrunc", "status=none");
      run("touch", "-r", join(root, "etc/a"), join(root, "etc/a"));
      writeFileSync(join(root, "etc/passing"), "");
      rmSync(join(root, "etc/passing"));
    });
    expect(changes).toEqual([]);
  });

  test("owner and mode of files and directories count, a capability too", async () => {
    const changes = await changesAfter((root) => {
      run("chown", "7", join(root, "usr/share"));
      run("chmod", "600", join(root, "etc/b"));
    });
    expect(changes).toEqual(["m /etc", "m /etc/b", "m /usr", "m /usr/share"]);
  });

  test("mount points of the engine's are none, unless there is something in them", async () => {
    const change = (root: string) => {
      for (const name of ["proc", "dev", "sys"]) mkdirSync(join(root, name));
      for (const name of ["etc/hosts", "etc/resolv.conf"]) writeFileSync(join(root, name), "");
      writeFileSync(join(root, "dev/left"), "");
      writeFileSync(join(root, "etc/hostname"), "mine");
    };
    const ours = ["proc", "dev", "sys", "etc", "etc/hosts", "etc/resolv.conf", "etc/hostname"];
    expect(await changesAfter(change, ours)).toEqual(["m /dev", "a /dev/left", "m /etc", "a /etc/hostname"]);
  });
});

describe("layers", () => {
  test("packed, unpacked and mounted on the same layers: the same tree", async () => {
    const change = (root: string) => {
      mkdirSync(join(root, "all"));
      fillTree(join(root, "all"));
      rmSync(join(root, "etc/conf.d"), { recursive: true });
      mkdirSync(join(root, "etc/conf.d"));
      rmSync(join(root, "usr/share/x"));
      run("chmod", "700", root);
    };
    const layers = await layersAfter(change);
    const { target } = await kernel.unpack(await bytesOf(trees().layer(layers, NONE)));
    const [before, after] = [await merged(layers), await merged({ ...layers, upperDir: target })];
    expect(before.length).toBeGreaterThan(20);
    expect(after).toEqual(before);
  });

  test("nothing changed: an empty tar; the engine's mount points and untouched parents are left out", async () => {
    const empty = await layersAfter((root) => {
      mkdirSync(join(root, "proc"));
      writeFileSync(join(root, "etc/hosts"), "");
    });
    const tar = await bytesOf(trees().layer(empty, { madeByUs: ["proc", "etc", "etc/hosts"] }));
    expect(tar).toEqual(new Uint8Array(1024));
  });

  test("marks that hide nothing are left out", async () => {
    const layers = await layersAfter((root) => {
      mkdirSync(join(root, "new"));
      writeFileSync(join(root, "new/file"), "");
    });
    // As older kernels mark every new directory.
    setXattr(join(layers.upperDir, "new"), "trusted.overlay.opaque", "79");
    const tar = Buffer.from(await bytesOf(trees().layer(layers, NONE))).toString("latin1");
    expect(tar).toContain("new/file");
    expect(tar).not.toContain(".wh.");
  });

  async function merged(layers: TreeLayers): Promise<string[]> {
    const tree = { kind: "stopped" as const, layers, binds: [], readOnly: false };
    const target = kernel.directory();
    const child = Bun.spawn(["tar", "-xp", "--numeric-owner", "-C", target, "--warning=no-timestamp"], {
      stdin: "pipe",
    });
    for await (const chunk of trees().export(tree)) {
      child.stdin.write(chunk);
      await child.stdin.flush();
    }
    await child.stdin.end();
    expect(await child.exited).toBe(0);
    return (await listing(target)).filter((line) => !line.startsWith(".|"));
  }
});

describe("a copy of a tree (the vfs driver)", () => {
  const change = (root: string) => {
    writeFileSync(join(root, "etc/a"), "other");
    rmSync(join(root, "etc/c"));
    rmSync(join(root, "usr"), { recursive: true });
    mkdirSync(join(root, "new"));
    fillTree(join(root, "new"));
  };
  const copyAfter = async (work: (root: string) => void) => {
    const [original, directory] = [kernel.directory(), kernel.directory()];
    for (const name of ["etc/conf.d", "usr/share"]) mkdirSync(join(original, name), { recursive: true });
    for (const name of ["etc/a", "etc/b", "etc/c", "usr/share/x"]) writeFileSync(join(original, name), name);
    run("cp", "-a", `${original}/.`, directory);
    work(directory);
    return { directory, copyOf: original };
  };

  test("tells what was changed in it", async () => {
    expect(await trees().changes(await copyAfter(() => {}), NONE)).toEqual([]);
    const changes = await trees().changes(await copyAfter(change), NONE);
    expect(changes.map(({ kind, path }) => `${kind[0]} ${path}`).slice(0, 5)).toEqual([
      "m /etc",
      "m /etc/a",
      "d /etc/c",
      "a /new",
      "a /new/big",
    ]);
    expect(changes.at(-1)).toEqual({ kind: "deleted", path: "/usr" });
  });

  test("its layer on the original is the copy", async () => {
    const copy = await copyAfter(change);
    const { target } = await kernel.unpack(await bytesOf(trees().layer(copy, NONE)));
    expect(lstatSync(join(target, "usr")).rdev).toBe(0);
    expect(() => lstatSync(join(target, "etc/b"))).toThrow("ENOENT");
    const work = kernel.directory();
    const layers = { lowerDirs: [copy.copyOf], upperDir: target, workDir: work };
    const exported = kernel.directory();
    const tar = await bytesOf(trees().export({ kind: "stopped", layers, binds: [], readOnly: false }));
    await Bun.write(join(work, "x.tar"), tar);
    run("tar", "-xp", "--numeric-owner", "-C", exported, "-f", join(work, "x.tar"));
    const lines = async (root: string) => (await listing(root)).filter((line) => !line.startsWith(".|"));
    expect(await lines(exported)).toEqual(await lines(copy.directory));
  });

  test("nothing changed: an empty layer; of nothing: all of it", async () => {
    const copy = await copyAfter(() => {});
    expect(await bytesOf(trees().layer(copy, NONE))).toEqual(new Uint8Array(1024));
    const { target } = await kernel.unpack(
      await bytesOf(trees().layer({ ...copy, copyOf: undefined }, NONE)),
    );
    expect(await listing(target)).toEqual(await listing(copy.directory));
  });
});

describe("archives of a stopped container", () => {
  const stopped = async (readOnly = false) => {
    const layers = await layersAfter((root) => symlinkSync("/etc/a", join(root, "link")));
    const bind = kernel.directory();
    const binds = [
      { source: bind, target: "/volume", readOnly: false, recursive: true },
      { source: bind, target: "/etc/sealed", readOnly: true, recursive: true },
    ];
    return { tree: { kind: "stopped" as const, layers, binds, readOnly }, bind };
  };
  const tarOf = async (files: Record<string, string>) => {
    const directory = kernel.directory();
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    const child = Bun.spawn(["tar", "-c", "-C", directory, ...Object.keys(files)], { stdout: "pipe" });
    return new Uint8Array(await child.stdout.bytes());
  };
  const plain = { keepKinds: false, owner: undefined };

  test("a file written into it is in its upper directory, one in a volume on the host", async () => {
    const { tree, bind } = await stopped();
    await trees().put(tree, "/etc", inPieces(await tarOf({ a: "written", fresh: "too" })), plain);
    await trees().put(tree, "/volume", inPieces(await tarOf({ v: "volume" })), plain);
    expect(readFileSync(join(tree.layers.upperDir, "etc/a"), "utf8")).toBe("written");
    expect(readFileSync(join(tree.layers.upperDir, "etc/fresh"), "utf8")).toBe("too");
    expect(readFileSync(join(bind, "v"), "utf8")).toBe("volume");
    expect((await trees().stat(tree, "/volume/v")).sizeBytes).toBe(6);
  });

  test("what is read-only is not written to", async () => {
    const { tree } = await stopped(true);
    const tar = await tarOf({ a: "x" });
    const put = (path: string) => trees().put(tree, path, inPieces(tar), plain);
    expect(await failureOf(put("/etc"))).toMatchObject({
      kind: "denied",
      message: "container rootfs is marked read-only",
    });
    expect(await failureOf(put("/etc/sealed"))).toMatchObject({
      kind: "denied",
      message: "mounted volume is marked read-only",
    });
    await put("/volume");
  });

  test("links are told with where they lead", async () => {
    const { tree } = await stopped();
    const entry = await trees().stat(tree, "/link");
    expect(entry.linkTarget).toBe("/etc/a");
    expect(entry.mode & 0o170000).toBe(0o120000);
    expect((await trees().stat(tree, "/etc/c")).sizeBytes).toBe(1);
  });

  test.each([
    ["/nope", "notFound"],
    ["/etc/a/", "invalid"],
    ["/etc/a/below", "invalid"],
  ] as const)("%s is %s", async (path, kind) => {
    const { tree } = await stopped();
    expect(await failureOf(trees().stat(tree, path))).toMatchObject({ kind });
    expect(await failureOf(trees().get(tree, path, "x"))).toMatchObject({ kind });
  });

  test("a directory and a file do not replace one another when that is forbidden", async () => {
    const { tree } = await stopped();
    const keep = { keepKinds: true, owner: undefined };
    const put = async (how: typeof keep) =>
      trees().put(tree, "/", inPieces(await tarOf({ etc: "a file" })), how);
    expect(await failureOf(put(keep))).toMatchObject({
      kind: "invalid",
      message: 'cannot overwrite directory "/etc" with non-directory "etc"',
    });
  });

  test("a hostile archive stays below the container's root", async () => {
    const { tree } = await stopped();
    const outside = join(tree.layers.upperDir, "../outside");
    const directory = kernel.directory();
    symlinkSync("../../../../../../../..", join(directory, "up"));
    writeFileSync(join(directory, "file"), "hostile");
    const child = Bun.spawn(
      ["tar", "-c", "-P", "-C", directory, "--transform=s,^file,up/outside,", "up", "file"],
      { stdout: "pipe" },
    );
    await trees().put(tree, "/", inPieces(new Uint8Array(await child.stdout.bytes())), plain);
    expect(Bun.file(outside).size).toBe(0);
    expect(readFileSync(join(tree.layers.upperDir, "outside"), "utf8")).toBe("hostile");
    const above = Bun.spawn(["tar", "-c", "-P", "-C", directory, "--transform=s,^file,../outside,", "file"], {
      stdout: "pipe",
    });
    const failure = await failureOf(
      trees().put(tree, "/etc", inPieces(new Uint8Array(await above.stdout.bytes())), plain),
    );
    expect(failure).toMatchObject({ kind: "invalid" });
  });

  test("a root that is one plain directory is read, written and exported alike", async () => {
    const upper = kernel.directory();
    writeFileSync(join(upper, "file"), "plain");
    const layers = { lowerDirs: [], upperDir: upper, workDir: kernel.directory() };
    const tree = { kind: "stopped" as const, layers, binds: [], readOnly: false };
    await trees().put(tree, "/", inPieces(await tarOf({ more: "put" })), plain);
    expect(readFileSync(join(upper, "more"), "utf8")).toBe("put");
    expect((await trees().stat(tree, "/file")).sizeBytes).toBe(5);
    expect(Buffer.from(await bytesOf(trees().export(tree))).toString("latin1")).toContain("plain");
    const sealed = trees().put({ ...tree, readOnly: true }, "/", inPieces(await tarOf({ x: "" })), plain);
    expect(await failureOf(sealed)).toMatchObject({ kind: "denied" });
  });

  test("owners are looked up in the container's own passwd", async () => {
    const { tree } = await stopped();
    await trees().put(
      tree,
      "/etc",
      inPieces(await tarOf({ passwd: "me:x:77:88::/:/bin/sh\n", group: "us:x:99:\n" })),
      plain,
    );
    for (const [owner, uid, gid] of [
      ["me", 77, 88],
      ["me:us", 77, 99],
      ["5", 5, 0],
      ["5:6", 5, 6],
      ["77", 77, 88],
    ] as const) {
      await trees().put(tree, "/", inPieces(await tarOf({ owned: "" })), { keepKinds: false, owner });
      const lines = await listing(tree.layers.upperDir);
      expect(lines.find((line) => line.startsWith("./owned|"))).toContain(`|${uid}:${gid}|`);
    }
    const unknown = trees().put(tree, "/", inPieces(await tarOf({ owned: "" })), {
      keepKinds: false,
      owner: "you",
    });
    expect(await failureOf(unknown)).toMatchObject({ kind: "invalid" });
  });
});
