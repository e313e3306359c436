import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerConfig } from "../../api/container-config.ts";
import type { ProgressMessage } from "../../api/image-views.ts";
import { BugError, EngineError } from "../../base/errors.ts";
import type { ImageId } from "../../base/ids.ts";
import { sha256 } from "../../host/hashing.ts";
import { parseImageConfig } from "../../oci/image-config.ts";
import { MediaType } from "../../oci/manifest.ts";
import { normalizePlatform, type Platform, parsePlatform } from "../../oci/platform.ts";
import {
  familiarString,
  type ImageName,
  parseImageName,
  withDefaultTag,
  withTag,
} from "../../oci/reference.ts";
import type { ContentLease } from "../../store/content/content-lease.ts";
import { writeFileOf } from "../../store/content/content-store.ts";
import type { ImageStore } from "../../store/image-store.ts";
import type { RecordedBlob } from "../../store/metadata/blob-records.ts";
import type { LayerLease } from "../../store/snapshots/layer-store.ts";
import { keepLayerFile } from "./archived-layers.ts";
import { applyChanges } from "./changes/apply-changes.ts";
import { publishImageEvent } from "./image-events.ts";
import type { ImagesDependencies } from "./ports.ts";

/** Compressed or not; what it unpacks to has limits of its own. */
const MAX_LAYER_BYTES = 256 * 2 ** 30;

export interface ImportOptions {
  readonly repo: string;
  readonly tag: string;
  readonly message: string;
  /** Dockerfile instructions: `CMD ["/bin/sh"]`. */
  readonly changes: readonly string[];
  readonly platform: string | undefined;
}

/**
 * `POST /images/create?fromSrc=-`: a root file system, compressed or not, becomes an image of one layer.
 * Nothing is read before names, platform and changes are found right; all of these throw invalid.
 */
export async function importImage(
  dependencies: ImagesDependencies,
  body: AsyncIterable<Uint8Array>,
  options: ImportOptions,
  push: (message: ProgressMessage) => void,
  signal: AbortSignal,
): Promise<void> {
  const name = options.repo === "" ? undefined : parseTarget(options.repo, options.tag);
  const platform = platformOf(options.platform, dependencies.platform);
  const config = applyChanges({}, options.changes);
  const at = dependencies.now?.() ?? new Date();
  const comment = options.message === "" ? "Imported from -" : options.message;

  const { store } = dependencies;
  using held = store.content.hold();
  const { lease, blob } = await addLayer(store, body, held, signal);
  try {
    const bytes = configBytes({
      platform,
      config,
      comment,
      at,
      version: dependencies.version,
      diffIds: lease.diffIds,
    });
    const id = `sha256:${sha256(bytes)}` as ImageId;
    const image = { id, config: bytes, layers: lease.chainIds, sizeBytes: lease.sizeBytes };
    signal.throwIfAborted();
    await store.record(
      image,
      [{ bytes, digest: id, mediaType: MediaType.dockerConfig }, blob],
      name === undefined ? [] : [name],
      at,
    );
    const recorded = { id, config: parseImageConfig(bytes) };
    if (name !== undefined) publishImageEvent(dependencies.events, "tag", recorded, familiarString(name));
    publishImageEvent(dependencies.events, "import", recorded);
    push({ status: id });
  } finally {
    await lease.release();
  }
}

/** What came is kept as it came: a file first, then layer and blob. */
async function addLayer(
  store: ImageStore,
  body: AsyncIterable<Uint8Array>,
  held: ContentLease,
  signal: AbortSignal,
): Promise<{ lease: LayerLease; blob: RecordedBlob }> {
  const directory = await store.content.scratchDirectory();
  try {
    const path = join(directory, "layer");
    const sizeBytes = await writeFileOf(path, body, { maxBytes: MAX_LAYER_BYTES, signal });
    let blob: RecordedBlob | undefined;
    const lease = await store.layers.add({ path }, signal, async ({ diffId, inputDigest }) => {
      const layer = { file: { path, sizeBytes }, descriptor: undefined };
      blob = await keepLayerFile(store, layer, { diffId, digest: inputDigest }, held);
    });
    if (blob === undefined) throw new BugError("a layer was added that was not unpacked");
    return { lease, blob };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function parseTarget(repo: string, tag: string): ImageName {
  const name = parseImageName(repo);
  if (name.digest !== undefined) throw new EngineError("invalid", "cannot import digest reference");
  return tag === "" ? withDefaultTag(name) : withTag(name, tag);
}

function platformOf(text: string | undefined, host: Platform): Platform {
  const platform = text === undefined || text === "" ? normalizePlatform(host) : parsePlatform(text, host);
  if (platform.os !== "linux") {
    throw new EngineError("invalid", `operating system is not supported: ${platform.os}`);
  }
  return platform;
}

/** The order of the keys is part of the image's id: the same import gives the same id. */
function configBytes(image: {
  readonly platform: Platform;
  readonly config: ContainerConfig;
  readonly comment: string;
  readonly at: Date;
  readonly version: string;
  readonly diffIds: readonly string[];
}): Uint8Array {
  const created = image.at.toISOString();
  const document = {
    architecture: image.platform.architecture,
    variant: image.platform.variant,
    comment: image.comment,
    config: image.config,
    created,
    docker_version: image.version,
    history: [{ created, comment: image.comment }],
    os: image.platform.os,
    rootfs: { type: "layers", diff_ids: image.diffIds },
  };
  return new TextEncoder().encode(JSON.stringify(document));
}
