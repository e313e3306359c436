import { describe, expect, test } from "bun:test";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { ImageId } from "../base/ids.ts";
import { sha256 } from "../host/hashing.ts";
import { MediaType } from "../oci/manifest.ts";
import { parseImageName } from "../oci/reference.ts";
import type { RecordedBlob } from "./metadata/blob-records.ts";
import { configOf, idOf, layerTar, type TestImage } from "./testing/image-archives.ts";
import { TemporaryStore } from "./testing/temporary-store.ts";

const at = new Date("2025-06-01T12:00:00Z");
const never = new AbortController().signal;
const tar = layerTar({ file: "x".repeat(3000) });
const diffId = `sha256:${sha256(tar)}`;
const gz = new Uint8Array(gzipSync(tar));
const gzDigest = `sha256:${sha256(gz)}`;
const one: TestImage = { layers: [tar] };
const two: TestImage = { layers: [tar], config: { Labels: { second: "yes" } } };
const layerBlob: RecordedBlob = {
  digest: gzDigest,
  mediaType: MediaType.ociLayerGzip,
  sizeBytes: gz.length,
  diffId,
};

/** As a pull does it: the blob is stored and held, the layer unpacked from it, both recorded. */
async function pull(temporary: TemporaryStore, image: TestImage, name: string, blob = layerBlob, bytes = gz) {
  const { store } = temporary;
  using held = store.content.hold();
  held.add(blob.digest);
  if (!(await store.content.has(blob.digest))) await store.content.ingestBytes(bytes);
  const open = () => ({ path: store.content.path(blob.digest) });
  const lease = await store.layers.apply([{ diffId, open }], never);
  try {
    const config = configOf(image);
    const id = idOf(image) as ImageId;
    const record = { id, config, layers: lease.chainIds, sizeBytes: lease.sizeBytes };
    const blobs = [{ bytes: config, digest: id, mediaType: MediaType.ociConfig }, blob];
    await store.record(record, blobs, [parseImageName(name)], at);
    return id;
  } finally {
    await lease.release();
  }
}

const blobsIn = (temporary: TemporaryStore) => temporary.list("content", "blobs", "sha256");

describe("record", () => {
  test("names the blobs that are in the store already, with their sizes and layers", async () => {
    await using temporary = await TemporaryStore.make();
    const id = await pull(temporary, one, "a:1");
    const { images } = temporary.store;
    expect(images.blobsOf(id)).toContainEqual({
      digest: gzDigest,
      mediaType: MediaType.ociLayerGzip,
      sizeBytes: gz.length,
    });
    expect(images.layerBlobs(diffId).map((blob) => blob.digest)).toEqual([gzDigest]);
    expect(images.diffIdOf(gzDigest)).toBe(diffId);
    expect(images.allBlobs().map((blob) => blob.digest)).toEqual([gzDigest, id].sort());
    expect(temporary.unpacker.syncs).toBeGreaterThan(0);
  });

  test("a blob that is nowhere is a mistake of the caller", async () => {
    await using temporary = await TemporaryStore.make();
    const { store } = temporary;
    const config = configOf(one);
    const record = { id: idOf(one) as ImageId, config, layers: [], sizeBytes: 0 };
    const missing = { digest: gzDigest, mediaType: "x/y", sizeBytes: 1 };
    await expect(store.record(record, [missing], [], at)).rejects.toThrow("not in the content store");
    expect(store.images.count()).toBe(0);
  });

  test("one image cannot say of a known layer that another blob holds it", async () => {
    await using temporary = await TemporaryStore.make();
    await pull(temporary, one, "good:1");
    const evil = new Uint8Array(gzipSync(layerTar({ file: "evil" })));
    const blob = { ...layerBlob, digest: `sha256:${sha256(evil)}`, sizeBytes: evil.length };
    await expect(pull(temporary, two, "evil:1", blob, evil)).rejects.toMatchObject({
      kind: "invalid",
      message: expect.stringContaining("invalid diffID"),
    });
    expect(temporary.store.images.layerBlobs(diffId)).toHaveLength(1);
    await temporary.store.close();
    expect(blobsIn(temporary)).toHaveLength(2);
  });

  test("another compression of a known layer is taken, and the smallest comes first", async () => {
    await using temporary = await TemporaryStore.make();
    await pull(temporary, one, "a:1");
    const zst = new Uint8Array(zstdCompressSync(tar));
    const digest = `sha256:${sha256(zst)}`;
    const blob = { digest, mediaType: MediaType.ociLayerZstd, sizeBytes: zst.length, diffId };
    await pull(temporary, two, "b:1", blob, zst);
    const known = temporary.store.images.layerBlobs(diffId);
    expect(known.map((each) => each.sizeBytes)).toEqual([gz.length, zst.length].sort((a, b) => a - b));
    expect(temporary.unpacker.unpacked).toBe(1);
  });
});

describe("delete", () => {
  test("takes blobs, their rows and sources along with the last image that needs them", async () => {
    await using temporary = await TemporaryStore.make();
    const { store } = temporary;
    const [first, second] = [await pull(temporary, one, "a:1"), await pull(temporary, two, "b:1")];
    store.images.addBlobSource(gzDigest, "docker.io/library/a");
    store.images.addBlobSource(gzDigest, "docker.io/library/a");
    await store.delete(first);
    expect(blobsIn(temporary)).toEqual([gzDigest, second].map((digest) => digest.slice(7)).sort());
    expect(store.images.sourcesOf(gzDigest)).toEqual(["docker.io/library/a"]);
    await store.delete(second);
    expect(blobsIn(temporary)).toEqual([]);
    expect(store.images.layerBlobs(diffId)).toEqual([]);
    expect(store.images.sourcesOf(gzDigest)).toEqual([]);
  });

  test("a held blob stays until nobody holds it", async () => {
    await using temporary = await TemporaryStore.make();
    const { store } = temporary;
    const id = await pull(temporary, one, "a:1");
    const [held, other] = [store.content.hold(), store.content.hold()];
    held.add(gzDigest);
    other.add(gzDigest);
    await store.delete(id);
    expect(blobsIn(temporary)).toEqual([gzDigest.slice(7)]);
    held[Symbol.dispose]();
    held[Symbol.dispose]();
    await store.close();
    expect(await store.content.has(gzDigest)).toBe(true);
    other[Symbol.dispose]();
    await store.close();
    expect(blobsIn(temporary)).toEqual([]);
  });

  test("what was held for an image that never came goes", async () => {
    await using temporary = await TemporaryStore.make();
    const { store } = temporary;
    const held = store.content.hold();
    held.add(gzDigest);
    await store.content.ingestBytes(gz);
    held[Symbol.dispose]();
    await store.close();
    expect(blobsIn(temporary)).toEqual([]);
  });
});

describe("after a crash", () => {
  test("orphans go, and rows of layers' blobs whose file is gone; the image's own row stays for a repair", async () => {
    await using temporary = await TemporaryStore.make();
    const id = await pull(temporary, one, "a:1");
    temporary.store.images.addBlobSource(`sha256:${"1".repeat(64)}`, "docker.io/library/never");
    writeFileSync(join(temporary.root, "content/blobs/sha256", "2".repeat(64)), "orphan");
    rmSync(join(temporary.root, "content/blobs/sha256", gzDigest.slice(7)));
    await temporary.reopen();
    const { images } = temporary.store;
    expect(blobsIn(temporary)).toEqual([id.slice(7)]);
    expect(images.layerBlobs(diffId)).toEqual([]);
    expect(images.blobsOf(id).map((blob) => blob.digest)).toContain(gzDigest);
    expect(images.sourcesOf(`sha256:${"1".repeat(64)}`)).toEqual([]);
  });

  test("a download that was recorded leaves no second name, one that was not can be taken up", async () => {
    await using temporary = await TemporaryStore.make();
    const options = {
      maxBytes: 1 << 20,
      signal: never,
      open: async () => ({
        offsetBytes: 0,
        totalBytes: gz.length,
        body: (async function* () {
          yield gz;
        })(),
      }),
    };
    await temporary.store.content.fetch(gzDigest, options);
    expect(temporary.list("content", "partial")).toEqual([gzDigest.slice(7)]);
    await temporary.reopen();
    expect(blobsIn(temporary)).toEqual([]);
    expect(temporary.list("content", "partial")).toEqual([gzDigest.slice(7)]);
    using held = temporary.store.content.hold();
    held.add(gzDigest);
    await temporary.store.content.fetch(gzDigest, {
      ...options,
      open: () => Promise.reject(new Error("the server was asked")),
    });
    await pull(temporary, one, "a:1");
    expect(temporary.list("content", "partial")).toEqual([]);
    expect(existsSync(temporary.store.content.path(gzDigest))).toBe(true);
  });
});
