import { MAX_MANIFEST_BYTES } from "../../oci/manifest.ts";
import { type Platform, parsePlatform } from "../../oci/platform.ts";
import type { ImageName } from "../../oci/reference.ts";
import { familiarRepository, familiarString, repositoryOf } from "../../oci/reference.ts";
import type { RemoteManifest } from "../../registry/client/registry-client.ts";
import type { ImageBlob } from "../../store/image-store.ts";
import type { StoredImage } from "../../store/images.ts";
import type { RecordedBlob } from "../../store/metadata/blob-records.ts";
import { requirePlatform } from "./image-platform.ts";
import { pullError } from "./pull-errors.ts";
import { type LayersOfPull, pullLayers } from "./pull-layers.ts";
import { isWholeRepository, parsePullTarget } from "./pull-target.ts";
import { credentialsOf } from "./registry-credentials.ts";
import type { RegistryDependencies } from "./registry-ports.ts";
import type { PullOptions } from "./registry-use-cases.ts";
import {
  type Attestation,
  fetchAttestations,
  type RemoteImage,
  type RemoteSource,
  resolveRemoteImage,
} from "./remote-image.ts";
import type { Push } from "./transfer-progress.ts";

/**
 * `POST /images/create?fromImage=`: brings one image, or all tags of a repository, from a registry. Messages and their order
 * are Docker's, which the stock client draws its bars from. Throws invalid for a name, notFound for what the registry lacks.
 */
export async function pullImage(
  dependencies: RegistryDependencies,
  options: PullOptions,
  push: Push,
  signal: AbortSignal,
): Promise<void> {
  const target = parsePullTarget(options.fromImage, options.tag);
  const wanted =
    options.platform === undefined ? undefined : parsePlatform(options.platform, dependencies.platform);
  const call = { credentials: credentialsOf(options.auth), signal };
  const pull = new ImagePull(dependencies, wanted ?? dependencies.platform, push, call);
  let isNewer = false;
  for (const name of await namesOf(dependencies, target, call)) isNewer = (await pull.run(name)) || isNewer;
  const what = isNewer ? "Downloaded newer image for" : "Image is up to date for";
  push({ status: `Status: ${what} ${familiarString(target)}` });
  const image = findByName(dependencies, target);
  publishPull(dependencies, target, image);
  // An image of one platform is pulled whatever platform was wanted, and then complained about, as in Docker.
  if (wanted !== undefined && image !== undefined) requirePlatform(image, familiarString(target), wanted);
}

type Call = { readonly credentials: RemoteSource["credentials"]; readonly signal: AbortSignal };

/** A tag or digest alone, or all that the registry has. */
async function namesOf(
  { registry }: RegistryDependencies,
  target: ImageName,
  call: Call,
): Promise<readonly ImageName[]> {
  if (!isWholeRepository(target)) return [target];
  try {
    return (await registry.tags(target, call)).map((tag) => ({ ...target, tag }));
  } catch (thrown) {
    throw pullError(thrown);
  }
}

class ImagePull {
  constructor(
    private readonly dependencies: RegistryDependencies,
    private readonly platform: Platform,
    private readonly push: Push,
    private readonly call: Call,
  ) {}

  /** True when the name points to another image than before. */
  async run(name: ImageName): Promise<boolean> {
    const { store, registry } = this.dependencies;
    using held = store.content.hold();
    const top = await this.topDocument(name, (digest) => held.add(digest));
    const place = name.digest === undefined ? (name.tag ?? "") : familiarString(name);
    this.push({ status: `Pulling from ${name.path}`, id: place });
    const source: RemoteSource = {
      registry,
      content: store.content,
      name,
      credentials: this.call.credentials,
      signal: this.call.signal,
      hold: (digest) => held.add(digest),
    };
    held.add(top.digest);
    const image = await resolveRemoteImage(source, top, this.platform);
    const isNewer = findByName(this.dependencies, name)?.id !== image.id;
    await this.bring(source, image, name);
    return isNewer;
  }

  /** Where the tag is known, its document is probably here: then only its digest is asked for. */
  private async topDocument(name: ImageName, hold: (digest: string) => void): Promise<RemoteManifest> {
    const { registry } = this.dependencies;
    try {
      return (
        (await this.knownDocument(name, hold)) ??
        (await registry.manifest(name, name.digest ?? name.tag ?? "", this.call))
      );
    } catch (thrown) {
      throw pullError(thrown);
    }
  }

  private async knownDocument(
    name: ImageName,
    hold: (digest: string) => void,
  ): Promise<RemoteManifest | undefined> {
    const { registry, store } = this.dependencies;
    const known = findByName(this.dependencies, name);
    if (known === undefined || name.digest !== undefined) return undefined;
    const found = await registry.findManifest(name, name.tag ?? "", this.call);
    if (found === undefined) return undefined;
    hold(found.digest);
    // Only of the image that the tag stands for: a registry that knows no more than a digest gets nothing else named after it.
    const isIts = store.images.blobsOf(known.id).some(({ digest }) => digest === found.digest);
    if (!isIts || !(await store.content.has(found.digest))) return undefined;
    return { ...found, bytes: await store.content.read(found.digest, MAX_MANIFEST_BYTES) };
  }

  private async bring(source: RemoteSource, image: RemoteImage, name: ImageName): Promise<void> {
    const { store } = this.dependencies;
    const isKnown = store.images.find(image.id) !== undefined;
    // As in Docker: of the layers of an image that is here nothing is said, unless one of them has to be brought again.
    const quiet = isKnown ? onlyTransfers(this.push) : this.push;
    const maxDownloads = this.dependencies.limits().maxConcurrentDownloads;
    const attested = fetchAttestations(source, image);
    attested.catch(() => undefined);
    const layers = await pullLayers(store, source, image, { push: quiet, maxDownloads });
    try {
      const attestations = await attested;
      this.call.signal.throwIfAborted();
      await this.record(image, name, layers, attestations);
    } finally {
      await layers.lease.release();
    }
  }

  private async record(
    image: RemoteImage,
    name: ImageName,
    { lease, blobs }: LayersOfPull,
    attestations: readonly Attestation[],
  ): Promise<void> {
    const { store } = this.dependencies;
    const [top] = image.documents;
    const digest = top?.digest ?? "";
    this.push({ status: `Digest: ${digest}` });
    const names: ImageName[] = [{ domain: name.domain, path: name.path, digest }];
    // A name with both means the digest: what the tag points to was not asked.
    if (name.digest === undefined) names.push(name);
    const recorded = recordedBlobs(image, blobs, attestations);
    await store.record(
      { id: image.id, config: image.configBytes, layers: lease.chainIds, sizeBytes: lease.sizeBytes },
      recorded,
      names,
      this.dependencies.now?.() ?? new Date(),
    );
    if (name.digest === undefined) this.dependencies.tagDocuments.record(name, digest);
    // What the registry has, as it has it: not the blobs that another origin left here in another form.
    const theirs = [...image.manifest.layers, image.manifest.config, ...image.documents].map(
      (each) => each.digest,
    );
    store.images.addBlobSources(
      theirs.filter((each) => recorded.some((blob) => blob.digest === each)),
      repositoryOf(name),
    );
  }
}

function recordedBlobs(
  image: RemoteImage,
  layers: readonly RecordedBlob[],
  attestations: readonly Attestation[],
): (ImageBlob | RecordedBlob)[] {
  const { config } = image.manifest;
  return [
    { digest: config.digest, mediaType: config.mediaType, sizeBytes: image.configBytes.length },
    ...image.documents,
    ...layers,
    ...attestations.flatMap(({ document, blobs }) => [
      document,
      ...blobs.map(({ digest, mediaType, size }) => ({ digest, mediaType, sizeBytes: size })),
    ]),
  ];
}

/** Leaves out what is said of layers that need nothing. */
function onlyTransfers(push: Push): Push {
  return (message) => {
    if (message.status !== "Already exists") push(message);
  };
}

function findByName({ store }: RegistryDependencies, name: ImageName): StoredImage | undefined {
  const { tag, digest, ...repository } = name;
  const id = store.images.findByName(
    digest === undefined ? { ...repository, tag: tag ?? "latest" } : { ...repository, digest },
  );
  return id === undefined ? undefined : store.images.find(id);
}

/** As Docker: the actor is the name that was pulled. */
function publishPull(
  { events }: RegistryDependencies,
  target: ImageName,
  image: StoredImage | undefined,
): void {
  const labels = image?.config.config?.Labels ?? {};
  events.publish("image", "pull", familiarString(target), { ...labels, name: familiarRepository(target) });
}
