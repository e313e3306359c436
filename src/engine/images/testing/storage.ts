import { join } from "node:path";
import { EngineError } from "../../../base/errors.ts";
import { createLogger } from "../../../host/logger.ts";
import { type Database, openDatabase } from "../../../host/sqlite.ts";
import { ImagePinRecords } from "../../../store/gc/image-pins.ts";
import { upkeepMigrations } from "../../../store/gc/upkeep-migrations.ts";
import { bodyOf } from "../../../store/testing/image-archives.ts";
import { plainTrees } from "../../../store/testing/plain-trees.ts";
import { TemporaryStore } from "../../../store/testing/temporary-store.ts";
import { ImagesService } from "../images-service.ts";
import { createStorage } from "../storage-service.ts";
import type { StorageBackend } from "../storage-use-cases.ts";
import { type SeenEvent, ServiceUnderTest, type TestContainer } from "./service.ts";

/** The upkeep of a temporary store, with what it asks of others laid open. */
export class StorageUnderTest implements AsyncDisposable {
  readonly containers: TestContainer[] = [];
  readonly events: SeenEvent[] = [];
  /** What a registry has, by digest. */
  readonly remote = new Map<string, Uint8Array>();
  readonly storage: StorageBackend;
  readonly service: ImagesService;
  now = new Date("2025-06-01T12:00:00Z");
  private readonly database: Database;

  private constructor(readonly temporary: TemporaryStore) {
    this.database = openDatabase(join(temporary.root, "berth.db"), [upkeepMigrations]);
    const { dependencies } = new ServiceUnderTest(temporary);
    const containersOf = (imageId: string) => this.containers.filter((each) => each.imageId === imageId);
    const events = {
      publish: (_type: string, action: string, id: string, attributes: Readonly<Record<string, string>>) =>
        void this.events.push({ action, id, attributes }),
    };
    const pins = new ImagePinRecords(this.database);
    this.service = new ImagesService({ ...dependencies, events, pins, containers: { containersOf } });
    this.storage = createStorage({
      store: temporary.store,
      database: this.database,
      trees: plainTrees,
      images: this.service,
      events,
      logger: createLogger({ level: "fatal", format: "text", write: () => undefined }),
      now: () => this.now,
      containers: { containersOf, list: async () => [], find: () => undefined, runningSnapshots: () => [] },
      source: { open: async (_repository, digest) => this.download(digest) },
    });
  }

  private download(digest: string) {
    const bytes = this.remote.get(digest);
    if (bytes === undefined) throw new EngineError("notFound", "the registry does not have it");
    return { offsetBytes: 0, totalBytes: bytes.length, body: bodyOf(bytes) };
  }

  static async open(): Promise<StorageUnderTest> {
    return new StorageUnderTest(await TemporaryStore.make());
  }

  get store() {
    return this.temporary.store;
  }

  async load(archive: Uint8Array): Promise<void> {
    const signal = new AbortController().signal;
    await Array.fromAsync(this.service.load(bodyOf(archive), { quiet: true, platform: undefined }, signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.database.close();
    await this.temporary[Symbol.asyncDispose]();
  }
}
