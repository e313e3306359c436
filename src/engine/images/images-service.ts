import type {
  ImageDeleteEntry,
  ImageHistoryEntry,
  ImageInspectView,
  ImageSummary,
  ProgressMessage,
} from "../../api/image-views.ts";
import { EngineError, isKind } from "../../base/errors.ts";
import { parsePlatform } from "../../oci/platform.ts";
import {
  familiarRepository,
  familiarString,
  type ImageName,
  parseImageName,
  parseImageReference,
  withDefaultTag,
  withTag,
} from "../../oci/reference.ts";
import type { StoredImage } from "../../store/images.ts";
import { imageHistory, inspectImage } from "./describe-image.ts";
import { publishImageEvent } from "./image-events.ts";
import { findImage } from "./image-lookup.ts";
import { withManifests } from "./image-manifests.ts";
import { requirePlatform } from "./image-platform.ts";
import type { ImagesBackend } from "./image-use-cases.ts";
import { type ImportOptions, importImage } from "./import-image.ts";
import { type ListImagesOptions, listImages } from "./list-images.ts";
import { type LoadOptions, loadImages } from "./load-images.ts";
import { MessageQueue } from "./message-queue.ts";
import type { ImagesDependencies } from "./ports.ts";
import { ImageRemoval } from "./remove-image.ts";

/** What the container use-cases need of images. */
export interface ImagesForContainers {
  /** By name, digest, id or unique prefix. Throws notFound `No such image: foo:latest`. */
  resolve(ref: string): Promise<StoredImage>;
}

/** The use-cases of images: what the image router calls. */
export class ImagesService implements ImagesBackend, ImagesForContainers {
  constructor(private readonly dependencies: ImagesDependencies) {}

  async resolve(ref: string): Promise<StoredImage> {
    return findImage(this.dependencies.store.images, ref);
  }

  /** As resolve, but undefined when there is none, or not exactly one. */
  async find(ref: string): Promise<StoredImage | undefined> {
    try {
      return findImage(this.dependencies.store.images, ref);
    } catch (error) {
      if (isKind(error, "notFound") || isKind(error, "invalid")) return undefined;
      throw error;
    }
  }

  count(): number {
    return this.dependencies.store.images.count();
  }

  async list(options: ListImagesOptions & { readonly manifests?: boolean }): Promise<ImageSummary[]> {
    const { store, containers } = this.dependencies;
    const found = listImages(store, options, this.now());
    if (options.manifests !== true) return found;
    for (const summary of found) {
      const image = store.images.find(summary.Id);
      if (image !== undefined) Object.assign(summary, await withManifests(store, containers, image));
    }
    return found;
  }

  async inspect(
    ref: string,
    options: { platform?: string | undefined; manifests?: boolean } = {},
  ): Promise<ImageInspectView> {
    const { store, containers } = this.dependencies;
    const image = await this.resolveFor(ref, options.platform);
    const view = await inspectImage(store, image);
    if (options.manifests !== true) return view;
    return { ...view, ...(await withManifests(store, containers, image)) };
  }

  async history(ref: string, options: { platform?: string | undefined } = {}): Promise<ImageHistoryEntry[]> {
    return imageHistory(this.dependencies.store, await this.resolveFor(ref, options.platform));
  }

  private async resolveFor(ref: string, platform: string | undefined): Promise<StoredImage> {
    const image = await this.resolve(ref);
    if (platform !== undefined)
      requirePlatform(image, ref, parsePlatform(platform, this.dependencies.platform));
    return image;
  }

  /** Throws invalid for a target with a digest, an empty one, or one that reads like a digest. */
  async tag(ref: string, target: { repo: string; tag: string }): Promise<void> {
    const image = await this.resolve(ref);
    const repository = parseImageName(target.repo);
    if (repository.digest !== undefined) {
      throw new EngineError("invalid", "refusing to create a tag with a digest reference");
    }
    if (familiarRepository(repository) === "sha256") {
      throw new EngineError("invalid", "refusing to create an ambiguous tag using digest algorithm as name");
    }
    const name = target.tag === "" ? withDefaultTag(repository) : withTag(repository, target.tag);
    this.dependencies.store.images.addName(image.id, name, this.now());
    this.inheritDocument(ref, name);
    publishImageEvent(this.dependencies.events, "tag", image, familiarString(name));
  }

  async remove(
    ref: string,
    options: { force: boolean; noPrune: boolean; platforms?: readonly string[] },
  ): Promise<ImageDeleteEntry[]> {
    const wanted = (options.platforms ?? []).map((text) => parsePlatform(text, this.dependencies.platform));
    for (const platform of wanted) requirePlatform(await this.resolve(ref), ref, platform);
    return await ImageRemoval.run(this.dependencies, ref, options);
  }

  load(
    body: AsyncIterable<Uint8Array>,
    options: LoadOptions,
    signal: AbortSignal,
  ): AsyncIterable<ProgressMessage> {
    return MessageQueue.run((push, both) => loadImages(this.dependencies, body, options, push, both), signal);
  }

  import(
    body: AsyncIterable<Uint8Array>,
    options: ImportOptions,
    signal: AbortSignal,
  ): AsyncIterable<ProgressMessage> {
    return MessageQueue.run(
      (push, both) => importImage(this.dependencies, body, options, push, both),
      signal,
    );
  }

  /** A push of the new tag then sends what the old one came as, where the image has several manifests. */
  private inheritDocument(ref: string, target: ImageName): void {
    const { tagDocuments } = this.dependencies;
    const source = parseImageReference(ref);
    if (tagDocuments === undefined || source.kind === "digest") return;
    const { tag, digest, ...repository } = withDefaultTag(source.name);
    const document = digest ?? tagDocuments.find({ ...repository, ...(tag === undefined ? {} : { tag }) });
    if (document !== undefined) tagDocuments.record(target, document);
  }

  private now(): Date {
    return this.dependencies.now?.() ?? new Date();
  }
}
