import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "../../host/logger.ts";
import { type Database, openDatabase } from "../../host/sqlite.ts";
import type { LayerUnpacker } from "../../kernel/shim-session.ts";
import { FlatUnpacker, plainKernel } from "../testing/flat-unpacker.ts";
import { bodyOf, layerTar } from "../testing/image-archives.ts";
import { OverlaySnapshots } from "./overlay.ts";
import { SnapshotRows, snapshotMigrations } from "./snapshot-rows.ts";
import { type SnapshotsUnderTest, snapshotsContract } from "./snapshots.contract.ts";

const never = new AbortController().signal;

class Context implements SnapshotsUnderTest {
  private constructor(
    readonly directory: string,
    private readonly database: Database,
    readonly snapshots: OverlaySnapshots,
  ) {}

  static async open(directory: string, unpacker: LayerUnpacker = new FlatUnpacker()): Promise<Context> {
    const database = openDatabase(join(directory, "db"), [snapshotMigrations]);
    const logger = createLogger({ level: "fatal", format: "text", write: () => undefined });
    const options = {
      root: join(directory, "s"),
      rows: new SnapshotRows(database),
      kernel: plainKernel,
      unpacker,
      logger,
    };
    return new Context(directory, database, await OverlaySnapshots.open(options));
  }

  static make(unpacker?: LayerUnpacker): Promise<Context> {
    return Context.open(mkdtempSync(join(tmpdir(), "berth-overlay-")), unpacker);
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

  entries(): string[] {
    return readdirSync(join(this.directory, "s")).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.settled();
    this.database.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

snapshotsContract("overlay", () => Context.make());

describe("overlay", () => {
  test("a directory without a row is removed at the start; its number is not used again", async () => {
    await using context = await Context.make();
    await context.commitLayer("one", undefined, "1");
    mkdirSync(join(context.directory, "s", "41", "fs"), { recursive: true });
    mkdirSync(join(context.directory, "s", "strange"));
    const again = await context.reopen();
    await again.snapshots.prepare("a", "one");
    expect((await again.snapshots.root("a")).upperDir).toEndWith("/42/fs");
    await again.settled();
    expect(again.entries()).toEqual(["1", "42"]);
  });

  test("numbers go on after everything was removed", async () => {
    await using context = await Context.make();
    await context.commitLayer("one", undefined, "1");
    await context.snapshots.remove("one");
    await context.settled();
    const again = await context.reopen();
    await again.snapshots.prepare("a", undefined);
    expect((await again.snapshots.root("a")).upperDir).toEndWith("/2/fs");
  });

  test("a failed unpacking leaves nothing", async () => {
    await using context = await Context.make();
    await expect(context.snapshots.stage(bodyOf(new Uint8Array(2000).fill(65)), never)).rejects.toThrow(
      "invalid tar header",
    );
    await context.settled();
    expect(context.entries()).toEqual([]);
  });

  test("a canceled unpacking leaves nothing", async () => {
    await using context = await Context.make();
    const controller = new AbortController();
    async function* body() {
      yield layerTar({ a: "b" }).subarray(0, 600);
      controller.abort();
      yield new Uint8Array(600);
    }
    await expect(context.snapshots.stage(body(), controller.signal)).rejects.toMatchObject({
      name: "AbortError",
    });
    await context.settled();
    expect(context.entries()).toEqual([]);
  });

  test("the root's mode is the layer's own, else the parent's, and the container's directory shows it", async () => {
    /** Sets the root's mode for a layer with the file "set", as a tar with an entry for ./ does. */
    class RootSetter extends FlatUnpacker {
      override async unpack(...args: Parameters<LayerUnpacker["unpack"]>) {
        const result = await super.unpack(...args);
        if (existsSync(join(args[0], "set"))) chmodSync(args[0], 0o1777);
        return result;
      }
    }
    await using context = await Context.make(new RootSetter());
    await context.commitLayer("silent", undefined, "a");
    await context.commitLayer("set", "silent", "set");
    await context.commitLayer("above", "set", "b");
    const modeOf = async (key: string, parent: string) => {
      await context.snapshots.prepare(key, parent);
      return statSync((await context.snapshots.root(key)).upperDir).mode & 0o7777;
    };
    expect(await modeOf("1", "silent")).toBe(0o755);
    expect(await modeOf("2", "set")).toBe(0o1777);
    expect(await modeOf("3", "above")).toBe(0o1777);
  });

  test("the same layer committed twice is kept once", async () => {
    await using context = await Context.make();
    await context.commitLayer("one", undefined, "1");
    await context.commitLayer("one", undefined, "1");
    await context.settled();
    expect(context.entries()).toEqual(["1"]);
  });
});
