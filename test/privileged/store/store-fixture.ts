/** An image store as the daemon has it: the real unpacker, the real kernel helper, a temporary data root. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ImagesService } from "../../../src/engine/images/images-service.ts";
import { sha256 } from "../../../src/host/hashing.ts";
import { createLogger } from "../../../src/host/logger.ts";
import { type Database, openDatabase } from "../../../src/host/sqlite.ts";
import { startKernelHelper } from "../../../src/kernel/kernel-helper.ts";
import { createLayerUnpacker } from "../../../src/kernel/layer-unpacker.ts";
import type { KernelHelper } from "../../../src/kernel/shim-session.ts";
import { ImageStore } from "../../../src/store/image-store.ts";
import { imageMigrations } from "../../../src/store/metadata/image-migrations.ts";
import { snapshotMigrations } from "../../../src/store/snapshots/snapshot-rows.ts";

export const NATIVE = join(import.meta.dir, "../../../dist/native");

export class StoreFixture implements AsyncDisposable {
  private constructor(
    readonly root: string,
    readonly kernel: KernelHelper,
    private readonly database: Database,
    readonly store: ImageStore,
    readonly service: ImagesService,
  ) {}

  /** `root`: one that another process has left. */
  static async open(root = mkdtempSync(join(tmpdir(), "berth-images-"))): Promise<StoreFixture> {
    const database = openDatabase(join(root, "berth.db"), [snapshotMigrations, imageMigrations]);
    const kernelPath = join(NATIVE, "berth-kernel");
    const kernel = await startKernelHelper({ kernelPath, shimPath: join(NATIVE, "berth-shim") });
    const unpacker = createLayerUnpacker({ kernelPath, spread: true });
    const logger = createLogger({
      level: "warn",
      format: "text",
      write: (line) => void process.stderr.write(line),
    });
    const store = await ImageStore.open({ dataRoot: root, database, kernel, unpacker, logger });
    const service = new ImagesService({
      store,
      events: { publish: () => undefined },
      containers: { containersOf: () => [] },
      platform: { os: "linux", architecture: process.arch === "arm64" ? "arm64" : "amd64" },
      version: "test",
    });
    return new StoreFixture(root, kernel, database, store, service);
  }

  /** Sentences about rows and files that do not fit together; none when all is well and nothing is under way. */
  faults(): string[] {
    const column = (sql: string) => this.database.query(sql).values().flat().map(String).sort();
    const files = (...path: string[]) => readdirSync(join(this.root, ...path)).sort();
    const blobs = files("content/blobs/sha256").map((name) => `sha256:${name}`);
    const pairs: readonly (readonly [string, readonly string[], readonly string[]])[] = [
      ["blobs and rows", blobs, column("SELECT DISTINCT digest FROM image_blobs")],
      [
        "layers' blobs without file",
        column("SELECT digest FROM layer_blobs").filter((each) => !blobs.includes(each)),
        [],
      ],
      ["half-written files", files("content/ingest"), []],
      [
        "second names of recorded blobs",
        files("content/partial").filter((name) => blobs.includes(`sha256:${name}`)),
        [],
      ],
      ["directories and snapshots", files("snapshots"), column("SELECT number FROM snapshots")],
      [
        "snapshots and layers",
        column("SELECT key FROM snapshots"),
        column("SELECT DISTINCT snapshot FROM image_layers"),
      ],
      ["broken references", column("PRAGMA foreign_key_check"), []],
    ];
    const unequal = pairs.filter(([, left, right]) => left.join() !== right.join());
    const wrong = blobs.filter(
      (digest) => `sha256:${sha256(readFileSync(this.store.content.path(digest)))}` !== digest,
    );
    return [
      ...unequal.map(([what, left, right]) => `${what}: ${left.join(" ")} | ${right.join(" ")}`),
      ...wrong.map((digest) => `${digest} has other bytes`),
    ];
  }

  /** Ends it and leaves the files. */
  async close(): Promise<void> {
    await this.store.close();
    await this.kernel.close();
    this.database.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    rmSync(this.root, { recursive: true, force: true });
  }
}
