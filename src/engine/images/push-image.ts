import { EngineError } from "../../base/errors.ts";
import { sha256 } from "../../host/hashing.ts";
import { MAX_IMAGE_CONFIG_BYTES } from "../../oci/image-config.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import { MediaType } from "../../oci/manifest.ts";
import { type Platform, parsePlatform } from "../../oci/platform.ts";
import { familiarRepository, familiarString, type ImageName, repositoryOf } from "../../oci/reference.ts";
import type { RegistryCall, RemoteManifest } from "../../registry/client/registry-client.ts";
import type { StoredImage } from "../../store/images.ts";
import { requirePlatform } from "./image-platform.ts";
import { pushError } from "./pull-errors.ts";
import { parsePushTarget } from "./pull-target.ts";
import { BlobPusher } from "./push-layers.ts";
import { makeManifest, type PushedDescriptor, type PushPlan, planPush } from "./push-plan.ts";
import { credentialsOf } from "./registry-credentials.ts";
import type { RegistryDependencies } from "./registry-ports.ts";
import type { PushOptions } from "./registry-use-cases.ts";
import { type Push, TransferProgress } from "./transfer-progress.ts";

/** `POST /images/{name}/push`: one tag, or all that the repository has here. Throws invalid before the first message. */
export async function pushImage(
  dependencies: RegistryDependencies,
  options: PushOptions,
  push: Push,
  signal: AbortSignal,
): Promise<void> {
  const target = parsePushTarget(options.name, options.tag);
  const platform =
    options.platform === undefined ? undefined : parsePlatform(options.platform, dependencies.platform);
  push({ status: `The push refers to repository [${repositoryOf(target)}]` });
  const call = { credentials: credentialsOf(options.auth), signal };
  try {
    for (const name of namesToPush(dependencies, target)) {
      await new ImagePush(dependencies, name, { platform, push, call }).run();
    }
  } catch (thrown) {
    throw pushError(thrown);
  }
  publishPush(dependencies, target);
}

/** Throws notFound in Docker's words. */
function namesToPush({ store }: RegistryDependencies, target: ImageName): readonly ImageName[] {
  const known = store.images.namesIn(repositoryOf(target));
  if (known.length === 0) {
    throw new EngineError(
      "notFound",
      `An image does not exist locally with the tag: ${familiarRepository(target)}`,
    );
  }
  if (target.tag === undefined) {
    const tagged = known.filter((name) => name.digest === undefined);
    if (tagged.length === 0)
      throw new EngineError("notFound", `no tags to push for ${familiarRepository(target)}`);
    return tagged;
  }
  if (store.images.findByName(target) === undefined) {
    throw new EngineError("notFound", `tag does not exist: ${familiarString(target)}`);
  }
  return [target];
}

interface PushHow {
  readonly platform: Platform | undefined;
  readonly push: Push;
  readonly call: RegistryCall;
}

/** One tag on its way. */
class ImagePush {
  /** Ends the other transfers when one has failed. */
  readonly #failure = new AbortController();
  readonly #call: RegistryCall;

  constructor(
    private readonly dependencies: RegistryDependencies,
    private readonly name: ImageName,
    private readonly how: PushHow,
  ) {
    const signal = AbortSignal.any([how.call.signal, this.#failure.signal]);
    this.#call = { ...how.call, signal };
  }

  async run(): Promise<void> {
    const { store } = this.dependencies;
    using held = store.content.hold();
    const hold = (digest: string) => held.add(digest);
    const image = this.#image();
    const plan = await planPush(store, image, this.name, {
      indexWanted: this.how.platform === undefined,
      cameAs: this.dependencies.tagDocuments.find(this.name),
      hold,
    });
    const pusher = new BlobPusher(this.dependencies, this.name, this.#call, hold);
    const manifest =
      plan.kind === "asItCame" ? await this.#asItCame(plan, pusher) : await this.#anew(image, pusher, hold);
    this.#finish(image, manifest, plan);
  }

  #image(): StoredImage {
    const { images } = this.dependencies.store;
    const image = images.find(images.findByName(this.name) ?? "");
    const { platform } = this.how;
    if (image === undefined)
      throw new EngineError("notFound", `tag does not exist: ${familiarString(this.name)}`);
    if (platform !== undefined) requirePlatform(image, familiarString(this.name), platform);
    return image;
  }

  async #asItCame(plan: PushPlan & { kind: "asItCame" }, pusher: BlobPusher): Promise<RemoteManifest> {
    const { documents, blobs } = plan.whole;
    const layers = blobs.filter(({ mediaType }) => /\.(?:diff\.)?tar(?:[.+]|$)/.test(mediaType));
    const { images } = this.dependencies.store;
    const progresses = this.#announce(layers.map(({ digest }) => images.diffIdOf(digest) ?? digest));
    await this.#all(layers, (layer, index) => pusher.stored(layer, progresses[index], plan.origins));
    await this.#all(
      blobs.filter((blob) => !layers.includes(blob)),
      (blob) => pusher.stored(blob, undefined),
    );
    this.#recordSources(blobs);
    const last = documents.at(-1);
    if (last === undefined) throw new EngineError("dataLoss", `${familiarString(this.name)} has no manifest`);
    for (const document of documents) if (document !== last) await this.#send(document.digest, document);
    await this.#send(this.name.tag ?? "", last);
    return last;
  }

  async #anew(
    image: StoredImage,
    pusher: BlobPusher,
    hold: (digest: string) => void,
  ): Promise<RemoteManifest> {
    const { content } = this.dependencies.store;
    // A layer that an image has twice is sent once.
    const diffIds = [...new Set(image.config.rootfs.diff_ids)];
    const progresses = this.#announce(diffIds);
    const pushed = await this.#all(diffIds, async (diffId, index) => {
      const progress = progresses[index] ?? new TransferProgress(diffId, this.how.push);
      return [diffId, await pusher.layer(diffId, progress)] as const;
    });
    hold(image.id);
    const config = await content.read(image.id, MAX_IMAGE_CONFIG_BYTES);
    const descriptor = { digest: image.id, size: config.length, mediaType: MediaType.dockerConfig };
    await pusher.stored({ ...descriptor, annotations: {} }, undefined);
    const byDiffId = new Map<string, PushedDescriptor>(pushed);
    const layers = image.config.rootfs.diff_ids.flatMap((diffId) => byDiffId.get(diffId) ?? []);
    const { bytes, mediaType } = makeManifest(descriptor, layers);
    const manifest = { bytes, mediaType, digest: `sha256:${sha256(bytes)}` };
    await this.#send(this.name.tag ?? "", manifest);
    this.#recordSources([descriptor, ...layers]);
    return manifest;
  }

  /** All at once; the first failure ends the others and is thrown when none of them goes on any more. */
  async #all<T, R>(items: readonly T[], work: (item: T, index: number) => Promise<R>): Promise<R[]> {
    const started = items.map(work);
    for (const each of started) each.catch((error: unknown) => this.#failure.abort(error));
    const outcomes = await Promise.allSettled(started);
    if (this.#failure.signal.aborted) throw this.#failure.signal.reason;
    return outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  }

  /** The topmost layer first, as Docker. */
  #announce(diffIds: readonly string[]): TransferProgress[] {
    const progresses = diffIds.map((diffId) => new TransferProgress(diffId, this.how.push));
    const shown = progresses.toReversed();
    for (const progress of shown) progress.stage("Preparing");
    for (const progress of shown.slice(this.dependencies.limits().maxConcurrentUploads))
      progress.stage("Waiting");
    return progresses;
  }

  async #send(reference: string, document: RemoteManifest): Promise<void> {
    await this.dependencies.registry.pushManifest(this.name, reference, document, this.#call);
  }

  /** Of blobs that are here: compressed forms that are not have a table of their own. */
  #recordSources(blobs: readonly Pick<Descriptor, "digest">[]): void {
    const { images } = this.dependencies.store;
    const here = blobs.map(({ digest }) => digest).filter((digest) => images.isBlobUsed(digest));
    images.addBlobSources(here, repositoryOf(this.name));
  }

  #finish(image: StoredImage, manifest: RemoteManifest, plan: PushPlan): void {
    const { push } = this.how;
    const { domain, path, tag = "" } = this.name;
    const { digest, bytes } = manifest;
    const { images } = this.dependencies.store;
    images.addName(image.id, { domain, path, digest }, this.dependencies.now?.() ?? new Date());
    this.dependencies.tagDocuments.record(this.name, digest);
    push({ status: `${tag}: digest: ${digest} size: ${bytes.length}` });
    push({ progressDetail: {}, aux: { Tag: tag, Digest: digest, Size: bytes.length } });
    if (plan.kind !== "asItCame" || plan.instead === undefined) return;
    const view = (each: RemoteManifest) => ({
      mediaType: each.mediaType,
      digest: each.digest,
      size: each.bytes.length,
    });
    push({
      progressDetail: {},
      aux: {
        manifestPushedInsteadOfIndex: true,
        originalIndex: view(plan.instead),
        selectedManifest: view(manifest),
      },
    });
  }
}

/** As Docker: the actor is the name that was pushed. */
function publishPush({ store, events }: RegistryDependencies, target: ImageName): void {
  const id = store.images.findByName({ ...target, tag: target.tag ?? "latest" });
  const labels = (id === undefined ? undefined : store.images.find(id))?.config.config?.Labels ?? {};
  events.publish("image", "push", familiarString(target), { ...labels, name: familiarRepository(target) });
}
