import { hostname as hostnameOfHost } from "node:os";
import type {
  ContainerConfig,
  ContainerCreateRequest,
  ContainerCreateResponse,
  HostConfig,
} from "../../../api/container-config.ts";
import { EngineError } from "../../../base/errors.ts";
import { type ContainerId, shortId } from "../../../base/ids.ts";
import {
  fitsPlatform,
  formatPlatform,
  normalizePlatform,
  type Platform,
  parsePlatform,
} from "../../../oci/platform.ts";
import type { ContainerRuntime } from "../../../runtime/container-runtime.ts";
import type { Snapshots, StoredImage } from "../../../store/images.ts";
import { publishContainerEvent } from "../../events/container-events.ts";
import type { EventSink } from "../../events/event-sink.ts";
import type { StoredContainerDirectory } from "../container-directory.ts";
import type { ContainerEntry } from "../container-entry.ts";
import { prepareFiles } from "../container-files.ts";
import type { ContainerRecord } from "../container-record.ts";
import { INITIAL_STATE } from "../state-machine.ts";
import { inventName, parseContainerName } from "./container-names.ts";
import type { HostFacts } from "./host-facts.ts";
import { mergeImageConfig } from "./merge-image-config.ts";
import { normalizeHostConfig } from "./normalize-host-config.ts";
import { requireBindSources } from "./prepare-mounts.ts";
import { resolveMounts } from "./resolve-mounts.ts";
import type { UserMount } from "./user-mount.ts";
import { validateClientConfig, validateMergedConfig } from "./validate-config.ts";
import { validateEndpoints } from "./validate-namespaces.ts";
import { validateTexts } from "./validate-texts.ts";

/** Finds images by whatever clients call them. */
export interface ImageResolver {
  /** Throws notFound `No such image: x:latest`, invalid. */
  resolve(ref: string): Promise<StoredImage>;
}

/** When what was committed so far has reached the disk. */
export interface Commits {
  synced(): Promise<void>;
}

export interface CreateDependencies {
  readonly commits: Commits;
  readonly directory: StoredContainerDirectory;
  readonly images: ImageResolver;
  readonly snapshots: Pick<Snapshots, "prepare" | "remove">;
  readonly runtime: Pick<ContainerRuntime, "reserve" | "forget">;
  readonly events: EventSink;
  readonly facts: HostFacts;
  readonly dataRoot: string;
  readonly nowNs: () => bigint;
}

interface Prepared {
  readonly image: StoredImage;
  readonly reference: string;
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  readonly mounts: readonly UserMount[];
}

/**
 * `docker create`. All or nothing: the row is what makes a container, and it is written last. A snapshot that a crash leaves
 * without one is swept at the next start, as is a shim.
 */
export class ContainerCreator {
  constructor(private readonly dependencies: CreateDependencies) {}

  /** Throws invalid, notFound (image), conflict (name), unimplemented. */
  async create(
    request: ContainerCreateRequest,
    options: { name?: string; platform?: string },
  ): Promise<ContainerCreateResponse> {
    const warnings: string[] = [];
    const name = options.name ? parseContainerName(options.name) : undefined;
    const prepared = await this.#prepare(request, options.platform, warnings);
    const { commits, directory, runtime, events } = this.dependencies;
    // Before an id with its shim is taken for nothing; the reservation looks again.
    if (name !== undefined) directory.requireFreeName(name);
    const id = runtime.reserve();
    const finalName = name ?? inventName((candidate) => directory.hasName(candidate), id);
    let synced: Promise<void>;
    try {
      directory.reserveName(finalName, id);
      const record = await this.#makeRecord(id, finalName, prepared);
      const entry = directory.insert(record);
      synced = commits.synced();
      this.#writeFiles(entry);
      publishContainerEvent(events, entry.record, "create");
    } catch (error) {
      directory.releaseName(finalName, id);
      await this.#takeBack(id);
      throw error;
    }
    await synced;
    return { Id: id, Warnings: warnings };
  }

  /** While the disk works on the row: most containers are started at once. Should it fail, the start tries again and says why. */
  #writeFiles(entry: ContainerEntry): void {
    try {
      prepareFiles(entry.record, this.dependencies.dataRoot);
      entry.filesWrittenAtMs = Date.now();
    } catch {
      entry.filesWrittenAtMs = 0;
    }
  }

  async #prepare(
    request: ContainerCreateRequest,
    platform: string | undefined,
    warnings: string[],
  ): Promise<Prepared> {
    const { directory, facts, images } = this.dependencies;
    validateTexts(request, "");
    const { HostConfig: host, NetworkingConfig: networking, ...client } = request;
    validateClientConfig(client);
    const hostConfig = normalizeHostConfig(client, host ?? {}, {
      facts,
      idOf: (ref) => directory.find(ref)?.id,
      warnings,
    });
    validateEndpoints(networking ?? {}, host?.NetworkMode ?? "");
    const mounts = resolveMounts(hostConfig);
    await requireBindSources(mounts);
    const reference = client.Image ?? "";
    if (reference === "") throw new EngineError("invalid", "no image specified");
    const image = await images.resolve(reference);
    checkPlatform(image, reference, platform, facts, warnings);
    const imageConfig = image.config.config ?? {};
    warnAboutImage(imageConfig, client, warnings);
    const config = validateMergedConfig(mergeImageConfig(client, imageConfig));
    return { image, reference, config, hostConfig, mounts };
  }

  async #makeRecord(id: ContainerId, name: string, prepared: Prepared): Promise<ContainerRecord> {
    const { image, reference, config, hostConfig, mounts } = prepared;
    await this.dependencies.snapshots.prepare(id, image.topSnapshot);
    return {
      id,
      name,
      createdAtNs: this.dependencies.nowNs(),
      imageId: image.id,
      imageReference: reference,
      config: { ...config, Hostname: config.Hostname || defaultHostname(id, hostConfig) },
      hostConfig,
      mounts: mounts.flatMap(({ view }) => view ?? []),
      snapshot: id,
      state: INITIAL_STATE,
      restartCount: 0,
    };
  }

  /** What fails here is swept at the next start: the client is to hear of the first error only. */
  async #takeBack(id: ContainerId): Promise<void> {
    const { snapshots, runtime } = this.dependencies;
    await Promise.allSettled([snapshots.remove(id), runtime.forget(id)]);
  }
}

function defaultHostname(id: ContainerId, host: HostConfig): string {
  return host.NetworkMode === "host" || host.UTSMode === "host" ? hostnameOfHost() : shortId(id);
}

function checkPlatform(
  image: StoredImage,
  reference: string,
  wanted: string | undefined,
  facts: HostFacts,
  warnings: string[],
): void {
  const { os, architecture, variant } = image.config;
  const have: Platform = normalizePlatform({ os, architecture, ...(variant ? { variant } : {}) });
  const host: Platform = { os: "linux", architecture: facts.architecture };
  if (wanted) {
    const want = parsePlatform(wanted, host);
    if (fitsPlatform(have, want)) return;
    throw new EngineError(
      "notFound",
      `image with reference ${reference} was found but does not provide the specified platform (${formatPlatform(want)})`,
    );
  }
  if (fitsPlatform(have, host)) return;
  warnings.push(
    `The requested image's platform (${formatPlatform(have)}) does not match the detected host platform (${formatPlatform(host)}) and no specific platform was requested`,
  );
}

/**
 * An image may declare what is not there yet. Refusing it would keep most databases from running at all, while without a
 * volume everything works until the container is removed: so the client is told, and the image runs.
 */
function warnAboutImage(image: ContainerConfig, client: ContainerConfig, warnings: string[]): void {
  const volumes = Object.keys(image.Volumes ?? {});
  if (volumes.length > 0) {
    warnings.push(
      `The image declares volumes (${volumes.join(", ")}), which are not available yet: what is written there is kept in the container's own layer and removed with it.`,
    );
  }
  const disabled = client.Healthcheck?.Test?.[0] === "NONE";
  if (!disabled && (image.Healthcheck?.Test ?? []).length > 0 && image.Healthcheck?.Test?.[0] !== "NONE") {
    warnings.push(
      "The image declares a health check, which is not available yet: the container has no health.",
    );
  }
}
