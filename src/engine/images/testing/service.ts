import type { ProgressMessage } from "../../../api/image-views.ts";
import type { ImageId } from "../../../base/ids.ts";
import type { ImageStore } from "../../../store/image-store.ts";
import { bodyOf } from "../../../store/testing/image-archives.ts";
import { TemporaryStore } from "../../../store/testing/temporary-store.ts";
import { ImagesService } from "../images-service.ts";
import type { ImagesDependencies } from "../ports.ts";

export interface SeenEvent {
  readonly action: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface TestContainer {
  readonly imageId: string;
  readonly id: string;
  readonly running: boolean;
}

/** The images service over a temporary store, with what it tells others and what others tell it laid open. */
export class ServiceUnderTest implements AsyncDisposable {
  readonly events: SeenEvent[] = [];
  readonly containers: TestContainer[] = [];
  now = new Date("2025-06-01T12:00:00Z");

  readonly service: ImagesService;

  constructor(readonly temporary: TemporaryStore) {
    this.service = this.makeService();
  }

  get store(): ImageStore {
    return this.temporary.store;
  }

  private makeService(): ImagesService {
    return new ImagesService(this.dependencies);
  }

  get dependencies() {
    return {
      store: this.temporary.store,
      tagDocuments: this.temporary.tagDocuments,
      events: {
        publish: (_type, action, id, attributes) => void this.events.push({ action, id, attributes }),
      },
      containers: {
        containersOf: (imageId: ImageId) =>
          this.containers.filter((container) => container.imageId === imageId),
      },
      platform: { os: "linux", architecture: "amd64" },
      version: "0.0-test",
      now: () => this.now,
    } satisfies ImagesDependencies;
  }

  load(
    archive: Uint8Array,
    options: { quiet?: boolean; platform?: string } = {},
  ): Promise<ProgressMessage[]> {
    const all = { quiet: options.quiet ?? true, platform: options.platform };
    return Array.fromAsync(this.service.load(bodyOf(archive), all, new AbortController().signal));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.temporary[Symbol.asyncDispose]();
  }
}

export async function openService(): Promise<ServiceUnderTest> {
  return new ServiceUnderTest(await TemporaryStore.make());
}
