import { link, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ScrubFinding } from "../../api/storage-views.ts";
import { EngineError, fromUnknown } from "../../base/errors.ts";
import { digestStream } from "../../host/hashing.ts";
import { isManifestType, MAX_MANIFEST_BYTES, parseManifest } from "../../oci/manifest.ts";
import type { ContentStore } from "../../store/content/content-store.ts";
import type { LayerBlob } from "../../store/metadata/blob-records.ts";
import { imageLabel } from "./layer-view-facts.ts";
import type { ScrubDependencies, ScrubLines, ScrubOptions } from "./scrub-ports.ts";
import type { ScrubTally } from "./scrub-tally.ts";

/** Reads every blob that an image needs and compares its digest. Returns the digests that cannot be relied on. */
export async function* scrubBlobs(
  dependencies: ScrubDependencies,
  options: ScrubOptions,
  tally: ScrubTally,
  bad: Set<string>,
  signal: AbortSignal,
): ScrubLines {
  const blobs = dependencies.store.images.allBlobs();
  for (const [index, blob] of blobs.entries()) {
    signal.throwIfAborted();
    yield* tally.progress("blobs", index, blobs.length);
    using lease = dependencies.store.content.hold();
    lease.add(blob.digest);
    const problem = await problemOf(dependencies.store.content, blob, signal);
    tally.total.Bytes += blob.sizeBytes;
    // It may have gone with its last image while it was read.
    if (problem === undefined) tally.ok();
    if (problem === undefined || !dependencies.store.images.isBlobUsed(blob.digest)) continue;
    const finding = findingOf(dependencies, blob, problem);
    const repair = options.repair ? await repairBlob(dependencies, blob, problem.State, signal) : {};
    if (repair.Repair !== "repaired") bad.add(blob.digest);
    yield tally.add({ ...finding, ...repair });
  }
}

type Problem = Pick<ScrubFinding, "State" | "Detail">;

async function problemOf(
  content: ContentStore,
  { digest }: LayerBlob,
  signal: AbortSignal,
): Promise<Problem | undefined> {
  if (!(await content.has(digest)))
    return { State: "missing", Detail: "the blob is not in the content store" };
  try {
    const { sha256 } = await digestStream(untilAborted(content.stream(digest), signal));
    if (`sha256:${sha256}` === digest) return undefined;
    return { State: "damaged", Detail: `its content has the digest sha256:${sha256}` };
  } catch (error) {
    signal.throwIfAborted();
    // What the disk cannot give back is damage, the very thing that is looked for.
    return { State: "damaged", Detail: fromUnknown(error).message };
  }
}

async function* untilAborted(pieces: AsyncIterable<Uint8Array>, signal: AbortSignal) {
  for await (const piece of pieces) {
    signal.throwIfAborted();
    yield piece;
  }
}

function findingOf({ store, records }: ScrubDependencies, blob: LayerBlob, problem: Problem): ScrubFinding {
  const images = records.imagesWithBlob(blob.digest).flatMap((id) => store.images.find(id) ?? []);
  return { Kind: "finding", What: "blob", Id: blob.digest, ...problem, Images: images.map(imageLabel) };
}

type Repair = Pick<ScrubFinding, "Repair" | "RepairDetail">;

/**
 * A damaged blob is moved aside, to `<content>/damaged`, and stays there; when nothing better can be had it comes back. Killed in
 * between, the store misses the blob, which the next scrub finds and fetches.
 */
async function repairBlob(
  dependencies: ScrubDependencies,
  blob: LayerBlob,
  state: ScrubFinding["State"],
  signal: AbortSignal,
): Promise<Repair> {
  const { content } = dependencies.store;
  const aside = join(content.root, "damaged", `${blob.digest.slice("sha256:".length)}.${Date.now()}`);
  if (state === "damaged") {
    await mkdir(join(content.root, "damaged"), { recursive: true, mode: 0o700 });
    await rename(content.path(blob.digest), aside);
    // What a download left is another name of the same bytes.
    await content.settle([blob.digest]);
  }
  try {
    const from = await restore(dependencies, blob, signal);
    await dependencies.store.synced();
    await recordLayer(dependencies, blob);
    const where = state === "damaged" ? `; the damaged one is ${aside}` : "";
    return { Repair: "repaired", RepairDetail: `${from}${where}` };
  } catch (error) {
    if (state === "damaged" && !(await content.has(blob.digest))) {
      await link(aside, content.path(blob.digest));
      await rm(aside);
    }
    signal.throwIfAborted();
    return { Repair: "failed", RepairDetail: fromUnknown(error).message };
  }
}

/** Returns where the bytes came from. */
async function restore(
  { store, records, source }: ScrubDependencies,
  { digest, sizeBytes }: LayerBlob,
  signal: AbortSignal,
): Promise<string> {
  const config = records.configBytes(digest);
  if (config !== undefined) {
    await store.content.ingestBytes(config, digest);
    return "written again from the database";
  }
  const repositories = store.images.sourcesOf(digest);
  if (repositories.length === 0) throw new EngineError("notFound", "no registry is known to have it");
  let failure: unknown;
  for (const repository of repositories) {
    try {
      await store.content.fetch(digest, {
        ...(sizeBytes === 0 ? {} : { sizeBytes }),
        maxBytes: sizeBytes === 0 ? MAX_MANIFEST_BYTES : sizeBytes,
        signal,
        open: (offsetBytes, both) => source.open(repository, digest, offsetBytes, both),
      });
      return `fetched from ${repository}`;
    } catch (error) {
      signal.throwIfAborted();
      failure = error;
    }
  }
  throw failure;
}

/** A start without the file has forgotten which layer the blob holds: the images' manifests tell. */
async function recordLayer({ store, records }: ScrubDependencies, blob: LayerBlob): Promise<void> {
  const { images, content } = store;
  if (images.diffIdOf(blob.digest) !== undefined || records.configBytes(blob.digest) !== undefined) return;
  for (const id of records.imagesWithBlob(blob.digest)) {
    const diffIds = images.find(id)?.config.rootfs.diff_ids ?? [];
    for (const { digest, mediaType } of images.blobsOf(id)) {
      if (!isManifestType(mediaType) || !(await content.has(digest))) continue;
      const manifest = parseManifest(await content.read(digest, MAX_MANIFEST_BYTES));
      const at =
        manifest.kind === "manifest" ? manifest.layers.findIndex((each) => each.digest === blob.digest) : -1;
      const diffId = diffIds[at];
      if (diffId !== undefined) return await store.addLayerBlob(id, diffId, blob);
    }
  }
}
