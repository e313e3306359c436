/** Both snapshot drivers with the real unpacker and the real programs on trees. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  closeSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "../../../src/host/logger.ts";
import { type Database, openDatabase } from "../../../src/host/sqlite.ts";
import { startKernelHelper } from "../../../src/kernel/kernel-helper.ts";
import { createLayerUnpacker } from "../../../src/kernel/layer-unpacker.ts";
import type { KernelHelper } from "../../../src/kernel/shim-session.ts";
import { createTrees } from "../../../src/kernel/trees.ts";
import type { SnapshotDriver } from "../../../src/store/snapshots/snapshot-driver.ts";
import type { StorageDriver } from "../../../src/store/snapshots/snapshot-driver-names.ts";
import { openSnapshots } from "../../../src/store/snapshots/snapshot-driver-open.ts";
import { SnapshotRows, snapshotMigrations } from "../../../src/store/snapshots/snapshot-rows.ts";
import {
  type SnapshotsUnderTest,
  snapshotsContract,
} from "../../../src/store/snapshots/snapshots.contract.ts";
import { bodyOf } from "../../../src/store/testing/image-archives.ts";
import { mustRun } from "../../support/run-command.ts";
import { directory, file, type TarMember, tar } from "../kernel/tar-writer.ts";
import { NATIVE } from "../store/store-fixture.ts";

const kernelPath = join(NATIVE, "berth-kernel");
const trees = createTrees(kernelPath);
const never = new AbortController().signal;
let kernel: KernelHelper;
let scratch: string;
beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "berth-drivers-"));
  kernel = await startKernelHelper({ kernelPath, shimPath: join(NATIVE, "berth-shim") });
});
afterAll(async () => {
  await kernel.close();
  rmSync(scratch, { recursive: true });
});

class Context implements SnapshotsUnderTest {
  private constructor(
    readonly root: string,
    private readonly driver: StorageDriver,
    private readonly database: Database,
    readonly snapshots: SnapshotDriver,
  ) {}

  static async open(driver: StorageDriver, root = mkdtempSync(join(scratch, "s-"))): Promise<Context> {
    const database = openDatabase(join(root, "db"), [snapshotMigrations]);
    const logger = createLogger({ level: "fatal", format: "text", write: () => undefined });
    const options = {
      root: join(root, "s"),
      rows: new SnapshotRows(database),
      kernel,
      unpacker: createLayerUnpacker({ kernelPath }),
      logger,
    };
    return new Context(root, driver, database, await openSnapshots(driver, options, trees));
  }

  async commit(key: string, parent: string | undefined, members: readonly TarMember[]): Promise<void> {
    const staged = await this.snapshots.stage(bodyOf(tar(...members)), never);
    await this.snapshots.commit(staged, key, parent);
  }

  commitLayer(key: string, parent: string | undefined, name: string, text = name): Promise<void> {
    return this.commit(key, parent, [file(name, text)]);
  }

  settled(): Promise<void> {
    return this.snapshots.settled();
  }

  reopen(): Promise<Context> {
    return Context.open(this.driver, this.root);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.settled();
    this.database.close();
  }
}

for (const driver of ["overlay2", "vfs"] as const) snapshotsContract(driver, () => Context.open(driver));

describe("vfs", () => {
  test("whiteouts remove, opaque directories replace, files and directories take each other's place", async () => {
    await using context = await Context.open("vfs");
    await context.commit("one", undefined, [
      directory("./", { mode: 0o1777 }),
      directory("d/"),
      file("d/old"),
      directory("o/"),
      file("o/old"),
      file("f"),
      directory("both/"),
      file("both/x"),
      file("gone"),
    ]);
    await context.commit("two", "one", [
      file("d/.wh.old"),
      directory("o/", { mode: 0o700 }),
      file("o/.wh..wh..opq"),
      file("o/new"),
      directory("f/"),
      file("f/inside"),
      file("both", "now a file"),
      file(".wh.gone"),
      file(".wh.never-was"),
    ]);
    await context.snapshots.prepare("a", "two");
    const { upperDir } = await context.snapshots.root("a");
    expect(readdirSync(upperDir, { recursive: true }).sort()).toEqual([
      "both",
      "d",
      "f",
      "f/inside",
      "o",
      "o/new",
    ]);
    expect(statSync(join(upperDir, "o")).mode & 0o7777).toBe(0o700);
    expect(statSync(upperDir).mode & 0o7777).toBe(0o1777);
    const below = context.snapshots.directory("one");
    expect(readdirSync(below, { recursive: true })).toContain("o/old");
    expect(await context.snapshots.usage("a")).toBe(0);
  });

  test("a whiteout in the lowest layer leaves no device behind", async () => {
    await using context = await Context.open("vfs");
    await context.commit("one", undefined, [file(".wh.x"), directory("d/"), file("d/.wh..wh..opq")]);
    const top = context.snapshots.directory("one");
    expect(readdirSync(top)).toEqual(["d"]);
    const marks = await mustRun([
      "python3",
      "-c",
      "import os,sys; print(os.listxattr(sys.argv[1]))",
      join(top, "d"),
    ]);
    expect(marks.trim()).toBe("[]");
  });
});

const SET_ATTRIBUTE = [
  "python3",
  "-c",
  "import os,sys; os.setxattr(sys.argv[1], sys.argv[2], sys.argv[3].encode())",
] as const;
const setAttribute = (path: string, name: string, value: string) =>
  mustRun([...SET_ATTRIBUTE, path, name, value]);

/** Something of every kind. */
function fill(top: string): void {
  mkdirSync(join(top, "d/deep"), { recursive: true });
  writeFileSync(join(top, "d/file"), "content", { mode: 0o4755 });
  linkSync(join(top, "d/file"), join(top, "linked"));
  symlinkSync("/etc/passwd", join(top, "symlink"));
  const sparse = openSync(join(top, "sparse"), "w");
  writeSync(sparse, "begin", 0);
  ftruncateSync(sparse, 64 << 20);
  writeSync(sparse, "end", 32 << 20);
  closeSync(sparse);
  utimesSync(join(top, "d/deep"), 1, 1_000_000.5);
}

describe("trees", () => {
  test("a copy is the same: links, holes, owners, times, attributes, devices", async () => {
    const [from, to] = [mkdtempSync(join(scratch, "from-")), mkdtempSync(join(scratch, "to-"))];
    fill(from);
    await mustRun(["mknod", join(from, "null"), "c", "1", "3"]);
    await mustRun(["mkfifo", join(from, "fifo")]);
    await mustRun(["chown", "-h", "7:8", join(from, "symlink"), join(from, "null")]);
    await setAttribute(join(from, "d/file"), "user.mark", "here");
    await trees.copy(from, to);
    expect(await trees.compare(from, to, 100)).toEqual([]);
    expect(statSync(join(to, "linked")).ino).toBe(statSync(join(to, "d/file")).ino);
    expect(readlinkSync(join(to, "symlink"))).toBe("/etc/passwd");
    expect(statSync(join(to, "d/deep")).mtimeMs).toBe(1_000_000_500);
    const sparse = statSync(join(to, "sparse"));
    expect(sparse.size).toBe(64 << 20);
    expect(sparse.blocks * 512).toBeLessThan(1 << 20);
    expect(
      readFileSync(join(to, "sparse"))
        .subarray(32 << 20, (32 << 20) + 3)
        .toString(),
    ).toBe("end");
    const du = await mustRun(["du", "-s", "-B1", to]);
    expect(await trees.space(to)).toBe(Number.parseInt(du, 10));
  });

  test.each([
    [
      "content",
      "d/file",
      ["sh", "-c", "printf CONTENT > d/file && chmod 4755 d/file && touch -r linked d/file"],
    ],
    ["size", "d/file", ["sh", "-c", "printf more >> d/file"]],
    ["mode", "d", ["chmod", "700", "d"]],
    ["owner", "symlink", ["chown", "-h", "5:5", "symlink"]],
    ["target", "symlink", ["sh", "-c", "ln -sf /etc/shadow symlink"]],
    ["type", "symlink", ["sh", "-c", "rm symlink && mkdir symlink"]],
    ["time", "sparse", ["touch", "sparse"]],
    ["attributes", "sparse", [...SET_ATTRIBUTE, "sparse", "user.x", "1"]],
    ["missing", "d/deep", ["rmdir", "d/deep"]],
    ["extra", "d/deep/new", ["touch", "d/deep/new"]],
  ] as const)("a comparison finds %s of %s", async (what, path, command) => {
    const [left, right] = [mkdtempSync(join(scratch, "l-")), mkdtempSync(join(scratch, "r-"))];
    fill(left);
    await trees.copy(left, right);
    await mustRun(["sh", "-c", `cd ${right} && exec "$@"`, "sh", ...command]);
    const found = await trees.compare(left, right, 100);
    expect(found.some((each) => each.path === `/${path}` && each.what === what)).toBe(true);
    expect(await trees.compare(left, right, 1)).toHaveLength(1);
  });

  test("a list is in order, and tells what files are", async () => {
    const top = mkdtempSync(join(scratch, "list-"));
    fill(top);
    await mustRun(["mknod", join(top, "gone"), "c", "0", "0"]);
    await setAttribute(join(top, "d"), "trusted.overlay.opaque", "y");
    const entries = (await Array.fromAsync(trees.list(top))).flat();
    expect(entries.map(({ path }) => path)).toEqual([
      "/d",
      "/d/deep",
      "/d/file",
      "/gone",
      "/linked",
      "/sparse",
      "/symlink",
    ]);
    expect(entries[0]).toMatchObject({ opaque: true, whiteout: false });
    expect(entries[3]).toMatchObject({ whiteout: true });
    expect(entries[2]).toMatchObject({ mode: lstatSync(join(top, "d/file")).mode, links: 2, sizeBytes: 7 });
    expect(entries[6]).toMatchObject({ target: "/etc/passwd" });
  });

  test("a tree that lies too deep is refused, not a crash", async () => {
    const top = mkdtempSync(join(scratch, "deep-"));
    const deep = `import os\nos.chdir(${JSON.stringify(top)})\nfor i in range(9000):\n os.mkdir("d")\n os.chdir("d")\n`;
    await mustRun(["python3", "-c", deep]);
    await expect(Array.fromAsync(trees.list(top))).rejects.toMatchObject({ kind: "invalid" });
    await expect(trees.space(top)).rejects.toThrow("too deep");
    await kernel.removeTree(top);
  });

  test("a canceled walk ends, and leaving the loop ends the program", async () => {
    const signal = AbortSignal.abort();
    await expect(trees.space(scratch, signal)).rejects.toMatchObject({ kind: "canceled" });
    for await (const _ of trees.list("/usr")) break;
    expect(await trees.space(join(scratch, "not-there"))).toBe(0);
    await expect(Array.fromAsync(trees.list(join(scratch, "not-there")))).rejects.toThrow("not-there");
  });
});
