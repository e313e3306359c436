import type { ProgressMessage } from "../../../api/image-views.ts";
import type { AuthConfig } from "../../../api/registry-views.ts";
import { RegistryService } from "../registry-service.ts";
import { MemoryRegistry } from "./memory-registry.ts";
import { openService, type ServiceUnderTest } from "./service.ts";

export const REPOSITORY = "r:5000/team/app";

/** Pulls and pushes over a temporary store and a registry in memory. */
export class RegistryUnderTest implements AsyncDisposable {
  readonly registry = new MemoryRegistry();
  readonly service: RegistryService;

  private constructor(readonly images: ServiceUnderTest) {
    this.service = new RegistryService({
      ...images.dependencies,
      registry: this.registry,
      pushedLayers: images.temporary.pushedLayers,
      limits: () => ({ maxConcurrentDownloads: 3, maxConcurrentUploads: 5 }),
    });
  }

  static async open(): Promise<RegistryUnderTest> {
    return new RegistryUnderTest(await openService());
  }

  get store() {
    return this.images.store;
  }

  /** The messages of a pull, told to its end. */
  pull(
    fromImage: string,
    tag = "",
    more: { platform?: string; auth?: AuthConfig; signal?: AbortSignal } = {},
  ): Promise<ProgressMessage[]> {
    const options = { fromImage, tag, platform: more.platform, auth: more.auth };
    return Array.fromAsync(this.service.pull(options, more.signal ?? new AbortController().signal));
  }

  push(name: string, tag = "", more: { platform?: string } = {}): Promise<ProgressMessage[]> {
    const options = { name, tag, platform: more.platform, auth: {} };
    return Array.fromAsync(this.service.push(options, new AbortController().signal));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.images[Symbol.asyncDispose]();
  }
}

/** `id status` of each message, without those that count bytes. */
export function stages(messages: readonly ProgressMessage[]): string[] {
  return messages
    .filter((message) => message.progressDetail?.current === undefined && message.aux === undefined)
    .map(({ id, status, error }) =>
      [id, status ?? `error: ${error}`].filter((part) => part !== undefined).join(" "),
    );
}
