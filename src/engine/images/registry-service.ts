import type { Filters } from "../../api/filters.ts";
import type { ProgressMessage } from "../../api/image-views.ts";
import type {
  AuthConfig,
  AuthView,
  DistributionInspect,
  SearchResultView,
} from "../../api/registry-views.ts";
import { inspectDistribution } from "./distribution-inspect.ts";
import { MessageQueue } from "./message-queue.ts";
import { pullImage } from "./pull-image.ts";
import { pushImage } from "./push-image.ts";
import { credentialsOf } from "./registry-credentials.ts";
import type { RegistryDependencies } from "./registry-ports.ts";
import type { PullOptions, PushOptions, RegistryBackend } from "./registry-use-cases.ts";
import { searchImages } from "./search-images.ts";

/** The use-cases between images and registries: what the routers call. */
export class RegistryService implements RegistryBackend {
  constructor(private readonly dependencies: RegistryDependencies) {}

  pull(options: PullOptions, signal: AbortSignal): AsyncIterable<ProgressMessage> {
    return MessageQueue.run((push, both) => pullImage(this.dependencies, options, push, both), signal);
  }

  push(options: PushOptions, signal: AbortSignal): AsyncIterable<ProgressMessage> {
    return MessageQueue.run((push, both) => pushImage(this.dependencies, options, push, both), signal);
  }

  async inspectDistribution(
    name: string,
    auth: AuthConfig | undefined,
    signal: AbortSignal,
  ): Promise<DistributionInspect> {
    const call = { credentials: credentialsOf(auth), signal };
    return await inspectDistribution(this.dependencies.registry, name, call);
  }

  async search(
    term: string,
    options: {
      readonly limit: number | undefined;
      readonly filters: Filters;
      readonly auth: AuthConfig | undefined;
    },
    signal: AbortSignal,
  ): Promise<SearchResultView[]> {
    const call = { credentials: credentialsOf(options.auth), signal };
    return await searchImages(this.dependencies.registry, term, options, call);
  }

  async login(auth: AuthConfig, signal: AbortSignal): Promise<AuthView> {
    const call = { credentials: credentialsOf(auth), signal };
    const { identityToken } = await this.dependencies.registry.login(auth.serveraddress ?? "", call);
    return { IdentityToken: identityToken ?? "", Status: "Login Succeeded" };
  }
}
