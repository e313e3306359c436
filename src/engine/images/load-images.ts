import type { ProgressMessage } from "../../api/image-views.ts";
import { EngineError } from "../../base/errors.ts";
import type { ImageId } from "../../base/ids.ts";
import { sha256 } from "../../host/hashing.ts";
import { decompress } from "../../host/stream-decompression.ts";
import { type ImageConfig, parseImageConfig } from "../../oci/image-config.ts";
import { MediaType } from "../../oci/manifest.ts";
import { fitsPlatform, formatPlatform, type Platform, parsePlatform } from "../../oci/platform.ts";
import { familiarString, type ImageName } from "../../oci/reference.ts";
import { ArchiveSpool } from "../../store/content/archive-spool.ts";
import type { ContentLease } from "../../store/content/content-lease.ts";
import type { ImageBlob, ImageStore } from "../../store/image-store.ts";
import type { RecordedBlob } from "../../store/metadata/blob-records.ts";
import { type ArchivedImageSource, archivedImages } from "./archived-images.ts";
import { loadLayers } from "./archived-layers.ts";
import { publishImageEvent } from "./image-events.ts";
import type { ImagesDependencies } from "./ports.ts";

export interface LoadOptions {
  /** Only the closing lines, no progress. */
  readonly quiet: boolean;
  readonly platform: string | undefined;
}

type Push = (message: ProgressMessage) => void;

/**
 * `POST /images/load`: all images of an archive, in its order. Each is recorded when it is whole; those before a broken
 * one stay. The archive's files lie in a scratch directory meanwhile, and are gone afterwards, whatever happened.
 */
export async function loadImages(
  dependencies: ImagesDependencies,
  body: AsyncIterable<Uint8Array>,
  options: LoadOptions,
  push: Push,
  signal: AbortSignal,
): Promise<void> {
  const wanted =
    options.platform === undefined ? undefined : parsePlatform(options.platform, dependencies.platform);
  await using spool = await ArchiveSpool.fill(dependencies.store.content, decompress(body), signal);
  for (const source of await archivedImages(spool, wanted ?? dependencies.platform)) {
    const config = parseImageConfig(source.config);
    checkPlatform(config, wanted, source.names);
    await loadOne(dependencies, source, config, { push, quiet: options.quiet, signal });
  }
}

function checkPlatform(config: ImageConfig, wanted: Platform | undefined, names: readonly ImageName[]): void {
  if (config.os !== "linux") throw new EngineError("invalid", `cannot load ${config.os} image on linux`);
  if (wanted === undefined || fitsPlatform(config, wanted)) return;
  const name = names[0] === undefined ? "" : ` with reference ${familiarString(names[0])}`;
  throw new EngineError(
    "notFound",
    `image${name} was found but does not match the specified platform: wanted ${formatPlatform(wanted)}, actual: ${formatPlatform(config)}`,
  );
}

async function loadOne(
  dependencies: ImagesDependencies,
  source: ArchivedImageSource,
  config: ImageConfig,
  how: { readonly push: Push; readonly quiet: boolean; readonly signal: AbortSignal },
): Promise<void> {
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== source.layers.length) {
    throw new EngineError(
      "invalid",
      `invalid manifest, layers length mismatch: expected ${diffIds.length}, got ${source.layers.length}`,
    );
  }
  const { store } = dependencies;
  const id = `sha256:${sha256(source.config)}` as ImageId;
  using held = store.content.hold();
  const documents = await ingest(store, [configBlob(source, id), ...source.documents], held);
  const { lease, blobs } = await loadLayers(store, source.layers, diffIds, held, {
    push: how.quiet ? undefined : how.push,
    signal: how.signal,
  });
  try {
    how.signal.throwIfAborted();
    announceMoves(dependencies, source.names, id, how.push);
    const at = dependencies.now?.() ?? new Date();
    const image = { id, config: source.config, layers: lease.chainIds, sizeBytes: lease.sizeBytes };
    await store.record(image, [...documents, ...blobs], source.names, at);
  } finally {
    await lease.release();
  }
  publishImageEvent(dependencies.events, "load", { id, config });
  for (const name of source.names) how.push({ stream: `Loaded image: ${familiarString(name)}\n` });
  if (source.names.length === 0) how.push({ stream: `Loaded image ID: ${id}\n` });
}

function announceMoves(
  dependencies: ImagesDependencies,
  names: readonly ImageName[],
  id: ImageId,
  push: Push,
): void {
  for (const name of names) {
    const previous = dependencies.store.images.findByName(name);
    if (previous === undefined || previous === id) continue;
    const text = `The image ${familiarString(name)} already exists, renaming the old one with ID ${previous} to empty string\n`;
    push({ stream: text });
  }
}

function configBlob(source: ArchivedImageSource, id: ImageId): ImageBlob {
  return { bytes: source.config, digest: id, mediaType: MediaType.dockerConfig };
}

/** Before the layers, so that the sync that these need covers the small ones too. */
async function ingest(
  store: ImageStore,
  blobs: readonly ImageBlob[],
  held: ContentLease,
): Promise<RecordedBlob[]> {
  const stored: RecordedBlob[] = [];
  for (const { bytes, digest, mediaType } of blobs) {
    held.add(digest);
    if (!(await store.content.has(digest))) await store.content.ingestBytes(bytes, digest);
    stored.push({ digest, mediaType, sizeBytes: bytes.length });
  }
  return stored;
}
