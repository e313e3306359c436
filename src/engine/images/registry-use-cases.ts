/** The use-cases between images and registries, as the HTTP edge calls them. */
import type { Filters } from "../../api/filters.ts";
import type { ProgressMessage } from "../../api/image-views.ts";
import type {
  AuthConfig,
  AuthView,
  DistributionInspect,
  SearchResultView,
} from "../../api/registry-views.ts";

export interface PullOptions {
  /** A name, perhaps with a tag or a digest. */
  readonly fromImage: string;
  /** A tag or a digest; empty, with none in the name either: all tags of the repository. */
  readonly tag: string;
  readonly platform: string | undefined;
  readonly auth: AuthConfig | undefined;
}

export interface PushOptions {
  readonly name: string;
  /** Empty, with none in the name either: all tags of the repository that are here. */
  readonly tag: string;
  /** Only the manifest for that platform, never the index. */
  readonly platform: string | undefined;
  readonly auth: AuthConfig | undefined;
}

export interface RegistryBackend {
  /** An error before the first message is thrown, a later one is the last message. */
  pull(options: PullOptions, signal: AbortSignal): AsyncIterable<ProgressMessage>;
  push(options: PushOptions, signal: AbortSignal): AsyncIterable<ProgressMessage>;
  /** What a registry has under a name, without pulling it. */
  inspectDistribution(
    name: string,
    auth: AuthConfig | undefined,
    signal: AbortSignal,
  ): Promise<DistributionInspect>;
  search(
    term: string,
    options: {
      readonly limit: number | undefined;
      readonly filters: Filters;
      readonly auth: AuthConfig | undefined;
    },
    signal: AbortSignal,
  ): Promise<SearchResultView[]>;
  /** Throws unauthenticated with the registry's own words. */
  login(auth: AuthConfig, signal: AbortSignal): Promise<AuthView>;
}
