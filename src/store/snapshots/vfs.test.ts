import { describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "../../host/logger.ts";
import { type Database, openDatabase } from "../../host/sqlite.ts";
import { FlatUnpacker, plainKernel } from "../testing/flat-unpacker.ts";
import { bodyOf, layerTar } from "../testing/image-archives.ts";
import { plainTrees } from "../testing/plain-trees.ts";
import { SnapshotRows, snapshotMigrations } from "./snapshot-rows.ts";
import { type SnapshotsUnderTest, snapshotsContract } from "./snapshots.contract.ts";
import { VfsSnapshots } from "./vfs.ts";

const never = new AbortController().signal;

class Context implements SnapshotsUnderTest {
  private constructor(
    readonly directory: string,
    private readonly database: Database,
    readonly snapshots: VfsSnapshots,
  ) {}

  static async open(directory: string, trees = plainTrees): Promise<Context> {
    const database = openDatabase(join(directory, "db"), [snapshotMigrations]);
    const logger = createLogger({ level: "fatal", format: "text", write: () => undefined });
    const rows = new SnapshotRows(database);
    const root = join(directory, "s");
    const unpacker = new FlatUnpacker();
    const snapshots = await VfsSnapshots.open({ root, rows, kernel: plainKernel, unpacker, trees, logger });
    return new Context(directory, database, snapshots);
  }

  static make(trees = plainTrees): Promise<Context> {
    return Context.open(mkdtempSync(join(tmpdir(), "berth-vfs-")), trees);
  }

  async commitLayer(key: string, parent: string | undefined, name: string, text = name): Promise<void> {
    const staged = await this.snapshots.stage(bodyOf(layerTar({ [name]: text })), never);
    await this.snapshots.commit(staged, key, parent);
  }

  settled(): Promise<void> {
    return this.snapshots.settled();
  }

  reopen(): Promise<Context> {
    return Context.open(this.directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.settled();
    this.database.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

snapshotsContract("vfs", () => Context.make());

describe("vfs", () => {
  test("a container's root is one directory that holds everything", async () => {
    await using context = await Context.make();
    await context.commitLayer("one", undefined, "1");
    await context.commitLayer("two", "one", "2");
    await context.snapshots.prepare("a", "two");
    const { lowerDirs, upperDir } = await context.snapshots.root("a");
    expect(lowerDirs).toEqual([]);
    expect(readdirSync(upperDir).sort()).toEqual(["1", "2"]);
    expect(statSync(upperDir).mode & 0o7777).toBe(0o755);
  });

  test("a container's own bytes are those of the files that it made or changed", async () => {
    await using context = await Context.make();
    await context.commitLayer("one", undefined, "1", "unchanged");
    await context.commitLayer("two", "one", "2", "before");
    await context.snapshots.prepare("a", "two");
    expect(await context.snapshots.usage("a")).toBe(0);
    const { upperDir } = await context.snapshots.root("a");
    writeFileSync(join(upperDir, "2"), "afterwards");
    writeFileSync(join(upperDir, "3"), "new");
    expect(await context.snapshots.usage("a")).toBe(13);
  });

  test("a copy that fails leaves nothing", async () => {
    let broken = false;
    const trees: typeof plainTrees = {
      ...plainTrees,
      copy: async (source, target) => {
        await plainTrees.copy(source, target);
        if (broken) throw new Error("no space left on device");
      },
    };
    await using context = await Context.make(trees);
    await context.commitLayer("one", undefined, "1");
    broken = true;
    await expect(context.snapshots.prepare("a", "one")).rejects.toThrow("no space left");
    await expect(context.commitLayer("two", "one", "2")).rejects.toThrow("no space left");
    await context.settled();
    expect(await context.snapshots.active()).toEqual([]);
    expect(readdirSync(join(context.directory, "s"))).toEqual(["1"]);
  });

  test("a snapshot that is replaced shows the new files, its children keep it", async () => {
    await using context = await Context.make();
    await context.commitLayer("one", undefined, "1", "bad");
    await context.commitLayer("two", "one", "2");
    const staged = await context.snapshots.stage(bodyOf(layerTar({ "1": "good" })), never);
    await context.snapshots.assemble(staged, undefined);
    await context.snapshots.replace(staged, "one");
    expect(readdirSync(context.snapshots.directory("one"))).toEqual(["1"]);
    expect(context.snapshots.find("two")?.parent).toBe("one");
    const again = await context.reopen();
    await again.settled();
    expect(readdirSync(join(context.directory, "s")).sort()).toEqual(["2", "3"]);
  });
});
