/** An image store as the daemon has it: the real unpacker, the real kernel helper, a temporary data root. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ImagesService } from "../../../src/engine/images/images-service.ts";
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

  static async open(): Promise<StoreFixture> {
    const root = mkdtempSync(join(tmpdir(), "berth-images-"));
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
    await this.kernel.close();
    this.database.close();
    rmSync(this.root, { recursive: true, force: true });
  }
}
