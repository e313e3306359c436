import type { ContainerConfig } from "../../../api/container-config.ts";
import { EngineError, fromUnknown } from "../../../base/errors.ts";
import type { ImageId } from "../../../base/ids.ts";
import { sha256 } from "../../../host/hashing.ts";
import type { Logger } from "../../../host/logger.ts";
import type { ContainerTrees } from "../../../kernel/container-tree.ts";
import { parseImageConfig } from "../../../oci/image-config.ts";
import { MediaType } from "../../../oci/manifest.ts";
import {
  familiarString,
  type ImageName,
  parseImageName,
  withDefaultTag,
  withTag,
} from "../../../oci/reference.ts";
import type { ImageStore } from "../../../store/image-store.ts";
import type { StoredImage } from "../../../store/images.ts";
import { publishContainerEvent } from "../../events/container-events.ts";
import type { EventSink } from "../../events/event-sink.ts";
import { applyChanges } from "../../images/changes/apply-changes.ts";
import { publishImageEvent } from "../../images/image-events.ts";
import { MADE_BY_US, type TreeAccess } from "../archive/tree-access.ts";
import type { StoredContainerDirectory } from "../container-directory.ts";
import type { ContainerEntry } from "../container-entry.ts";
import { mergeImageConfig } from "../create/merge-image-config.ts";
import { committedConfigBytes, EMPTY_LAYER } from "./commit-config.ts";

export interface CommitDependencies {
  readonly directory: StoredContainerDirectory;
  readonly trees: ContainerTrees;
  readonly access: TreeAccess;
  readonly store: ImageStore;
  readonly events: EventSink;
  readonly logger: Logger;
  /** berth's version. */
  readonly version: string;
  readonly now?: () => Date;
}

export interface CommitOptions {
  /** Both empty: the image has no name. */
  readonly repo: string;
  readonly tag: string;
  readonly author: string;
  readonly comment: string;
  /** Dockerfile instructions. */
  readonly changes: readonly string[];
  /** Freeze a running container while its files are read. */
  readonly pause: boolean;
  /** Instead of the container's own, which fills what it leaves open. */
  readonly config: ContainerConfig | undefined;
}

/** Of one layer, unpacked: what an unpacking takes as well. */
const MAX_LAYER_BYTES = 64 * 2 ** 30;

/** `docker commit`: an image of a container's image and of what the container has changed (moby daemon/commit.go). */
export class ContainerCommitter {
  constructor(private readonly dependencies: CommitDependencies) {}

  /** Throws notFound, invalid for names and changes, conflict for a container that is being removed. */
  async commit(ref: string, options: CommitOptions, signal: AbortSignal): Promise<ImageId> {
    const { directory, store } = this.dependencies;
    const entry = directory.get(ref);
    const name = options.repo === "" ? undefined : targetName(options.repo, options.tag);
    requireLiving(entry);
    const { config } = entry.record;
    const changed = mergeImageConfig(applyChanges(options.config ?? config, options.changes), config);
    const parent = store.images.find(entry.record.imageId);
    if (parent === undefined) throw new EngineError("notFound", `No such image: ${entry.record.imageId}`);
    using held = store.content.hold();
    const layer = await this.packLayer(entry, options.pause, signal);
    held.add(layer.digest);
    const recorded = await this.record(entry, parent, { ...options, config: changed }, layer, name, signal);
    this.announce(entry, recorded, name, options.comment);
    return recorded.id;
  }

  /** In the container's queue, so that it is neither started nor removed, nor thawed by somebody else, while its files are read. */
  private packLayer(
    entry: ContainerEntry,
    pause: boolean,
    signal: AbortSignal,
  ): Promise<{ digest: string; sizeBytes: number }> {
    return entry.exclusively(async () => {
      requireLiving(entry);
      const isFrozen = await this.freeze(entry, pause);
      try {
        const { trees, store, access } = this.dependencies;
        const tar = trees.layer(await access.changedLayersOf(entry), { madeByUs: MADE_BY_US }, signal);
        return await store.content.ingest(tar, { maxBytes: MAX_LAYER_BYTES, signal });
      } finally {
        if (isFrozen) await this.thaw(entry);
      }
    });
  }

  /** The row goes on saying "running": a daemon that dies now finds that out and thaws the container. */
  private async freeze(entry: ContainerEntry, pause: boolean): Promise<boolean> {
    if (!pause || entry.record.state.status !== "running" || entry.process === undefined) return false;
    await entry.process.pause();
    publishContainerEvent(this.dependencies.events, entry.record, "pause");
    return true;
  }

  private async thaw(entry: ContainerEntry): Promise<void> {
    try {
      await entry.process?.resume();
      publishContainerEvent(this.dependencies.events, entry.record, "unpause");
    } catch (error) {
      // One that was killed meanwhile has nothing left to thaw.
      this.dependencies.logger.warn("a container could not be thawed after a commit", {
        container: entry.id,
        error: fromUnknown(error).message,
      });
    }
  }

  private async record(
    entry: ContainerEntry,
    parent: StoredImage,
    options: CommitOptions & { readonly config: ContainerConfig },
    layer: { readonly digest: string; readonly sizeBytes: number },
    name: ImageName | undefined,
    signal: AbortSignal,
  ): Promise<Pick<StoredImage, "id" | "config">> {
    const { store, now, version } = this.dependencies;
    const at = now?.() ?? new Date();
    const bytes = committedConfigBytes({
      parent: parent.config,
      containerId: entry.id,
      containerConfig: entry.record.config,
      config: options.config,
      author: options.author,
      comment: options.comment,
      at,
      version,
      diffId: layer.digest,
    });
    // Also what is refused later for its size or number of layers.
    const config = parseImageConfig(bytes);
    const id = `sha256:${sha256(bytes)}` as ImageId;
    const path = store.content.path(layer.digest);
    const lease = await store.layers.apply(
      config.rootfs.diff_ids.map((diffId) => ({ diffId, open: () => ({ path }) })),
      signal,
    );
    try {
      const blobs = [
        { bytes, digest: id, mediaType: MediaType.dockerConfig },
        ...(layer.digest === EMPTY_LAYER
          ? this.blobsOfLayers(parent)
          : [
              ...this.blobsOfLayers(parent),
              { ...layer, diffId: layer.digest, mediaType: MediaType.ociLayer },
            ]),
      ];
      const image = {
        id,
        config: bytes,
        layers: lease.chainIds,
        sizeBytes: lease.sizeBytes,
        parent: parent.id,
      };
      await store.record(image, blobs, name === undefined ? [] : [name], at);
    } finally {
      await lease.release();
    }
    return { id, config };
  }

  /** The new image needs the blobs of the layers that it shares, also when the parent is removed. */
  private blobsOfLayers(parent: StoredImage) {
    const { images } = this.dependencies.store;
    const needed = new Set(images.blobsOf(parent.id).map(({ digest }) => digest));
    return parent.config.rootfs.diff_ids.flatMap((diffId) =>
      images
        .layerBlobs(diffId)
        .filter(({ digest }) => needed.has(digest))
        .map((blob) => ({ ...blob, diffId })),
    );
  }

  private announce(
    entry: ContainerEntry,
    image: Pick<StoredImage, "id" | "config">,
    name: ImageName | undefined,
    comment: string,
  ): void {
    const { events } = this.dependencies;
    const text = name === undefined ? "" : familiarString(name);
    if (name !== undefined) publishImageEvent(events, "tag", image, text);
    publishContainerEvent(events, entry.record, "commit", { comment, imageID: image.id, imageRef: text });
  }
}

function requireLiving(entry: ContainerEntry): void {
  const { status } = entry.record.state;
  if (entry.removalInProgress || status === "removing") {
    throw new EngineError("conflict", `You cannot commit container ${entry.id} which is being removed`);
  }
  if (status === "dead") {
    throw new EngineError("conflict", `You cannot commit container ${entry.id} which is Dead`);
  }
}

function targetName(repo: string, tag: string): ImageName {
  const name = parseImageName(repo);
  if (name.digest !== undefined) throw new EngineError("invalid", "cannot import digest reference");
  return tag === "" ? withDefaultTag(name) : withTag(name, tag);
}
