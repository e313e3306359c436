import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "../../host/logger.ts";
import { type Database, openDatabase } from "../../host/sqlite.ts";
import { ImageStore } from "../image-store.ts";
import { imageMigrations } from "../metadata/image-migrations.ts";
import { PushedLayers, pushedLayerMigrations } from "../metadata/pushed-layers.ts";
import { TagDocuments, tagDocumentMigrations } from "../metadata/tag-documents.ts";
import { snapshotMigrations } from "../snapshots/snapshot-rows.ts";
import { FlatUnpacker, plainKernel } from "./flat-unpacker.ts";

const MIGRATIONS = [snapshotMigrations, imageMigrations, pushedLayerMigrations, tagDocumentMigrations];

/** An image store in a temporary directory. `reopen` is what a restart after a crash sees. */
export class TemporaryStore implements AsyncDisposable {
  private constructor(
    readonly root: string,
    readonly unpacker: FlatUnpacker,
    private database: Database,
    public store: ImageStore,
  ) {}

  static async make(unpacker = new FlatUnpacker()): Promise<TemporaryStore> {
    const root = mkdtempSync(join(tmpdir(), "berth-store-"));
    const database = openDatabase(join(root, "berth.db"), MIGRATIONS);
    return new TemporaryStore(root, unpacker, database, await openStore(root, database, unpacker));
  }

  get pushedLayers(): PushedLayers {
    return new PushedLayers(this.database);
  }

  get tagDocuments(): TagDocuments {
    return new TagDocuments(this.database);
  }

  async reopen(): Promise<void> {
    this.database.close();
    this.database = openDatabase(join(this.root, "berth.db"), MIGRATIONS);
    this.store = await openStore(this.root, this.database, this.unpacker);
    await this.store.layers.settled();
  }

  /** Names of what lies in a directory of the store, sorted. */
  list(...path: string[]): string[] {
    return readdirSync(join(this.root, ...path)).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
    this.database.close();
    rmSync(this.root, { recursive: true, force: true });
  }
}

function openStore(dataRoot: string, database: Database, unpacker: FlatUnpacker): Promise<ImageStore> {
  const logger = createLogger({ level: "fatal", format: "text", write: () => undefined });
  return ImageStore.open({ dataRoot, database, kernel: plainKernel, unpacker, logger });
}
