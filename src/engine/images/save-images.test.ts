import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { sha256 } from "../../host/hashing.ts";
import { readTar } from "../../oci/tar-reader.ts";
import { dockerArchive, idOf, layerTar, type TestImage } from "../../store/testing/image-archives.ts";
import { TemporaryStore } from "../../store/testing/temporary-store.ts";
import { createImageArchives } from "./save-images.ts";
import { ServiceUnderTest } from "./testing/service.ts";

let context: ServiceUnderTest;
beforeEach(async () => {
  context = new ServiceUnderTest(await TemporaryStore.make());
});
afterEach(() => context[Symbol.asyncDispose]());

const one: TestImage = { layers: [layerTar({ a: "a" })] };
const two: TestImage = { layers: [layerTar({ a: "a" }), layerTar({ b: "b" })] };

async function saved(...names: readonly string[]): Promise<Map<string, Uint8Array>> {
  const archives = createImageArchives(context.dependencies);
  const stream = await archives.save(names, undefined, new AbortController().signal);
  const files = new Map<string, Uint8Array>();
  for await (const entry of readTar(stream, { maxEntries: 100, maxEntryBytes: 1 << 20 })) {
    if (entry.type !== "file") continue;
    files.set(entry.name, Buffer.concat(await Array.fromAsync(entry.body)));
  }
  return files;
}

const json = (bytes: Uint8Array | undefined) => JSON.parse(new TextDecoder().decode(bytes));

async function load(tags: Record<string, TestImage>): Promise<void> {
  await context.load(dockerArchive(Object.entries(tags).map(([tag, image]) => ({ ...image, tags: [tag] }))));
}

describe("saving images", () => {
  test("writes both manifests about the same files, each file once", async () => {
    await load({ "x:1": one, "x:2": two });
    const files = await saved("x:1", "x:2");
    const blobs = [...files].filter(([name]) => name.startsWith("blobs/sha256/"));
    for (const [name, bytes] of blobs) expect(name).toBe(`blobs/sha256/${sha256(bytes)}`);
    // Two layers, two configs, two manifests.
    expect(blobs).toHaveLength(6);
    const manifest = json(files.get("manifest.json"));
    expect(manifest.map((image: { RepoTags: string[] }) => image.RepoTags)).toEqual([["x:1"], ["x:2"]]);
    expect(`sha256:${manifest[1].Config.slice(-64)}`).toBe(idOf(two));
    const index = json(files.get("index.json"));
    for (const [position, { digest }] of index.manifests.entries()) {
      const oci = json(files.get(`blobs/${digest.replace(":", "/")}`));
      const layers = oci.layers.map((layer: { digest: string }) => `blobs/${layer.digest.replace(":", "/")}`);
      expect(layers).toEqual(manifest[position].Layers);
    }
    expect(json(files.get("oci-layout"))).toEqual({ imageLayoutVersion: "1.0.0" });
    expect(json(files.get("repositories"))).toEqual({
      x: { "1": manifest[0].Layers.at(-1).slice(-64), "2": manifest[1].Layers.at(-1).slice(-64) },
    });
  });

  test("a compressed layer is written as it is, and has the media type of what it is", async () => {
    await context.load(
      dockerArchive([{ ...one, tags: ["packed:1"] }], (layer) => Bun.gzipSync(new Uint8Array(layer))),
    );
    const files = await saved("packed:1");
    const index = json(files.get("index.json"));
    const oci = json(files.get(`blobs/${index.manifests[0].digest.replace(":", "/")}`));
    expect(oci.layers[0].mediaType).toBe("application/vnd.oci.image.layer.v1.tar+gzip");
    const [layer] = json(files.get("manifest.json"))[0].Layers;
    expect(
      Buffer.from(Bun.gunzipSync(new Uint8Array(files.get(layer) ?? []))).equals(
        one.layers[0] ?? new Uint8Array(),
      ),
    ).toBe(true);
  });

  test("an id brings no tags, a repository all of its own and nobody else's", async () => {
    await load({ "x:1": one, "x:2": two, "xy:1": one });
    const tags = async (...names: readonly string[]) =>
      json((await saved(...names)).get("manifest.json")).map(
        (image: { RepoTags: string[] | null }) => image.RepoTags,
      );
    expect(await tags("x")).toEqual([["x:1"], ["x:2"]]);
    expect(await tags(idOf(one))).toEqual([null]);
    expect(await tags(idOf(one), "xy:1", "x:1")).toEqual([["x:1", "xy:1"]]);
    expect((await saved(idOf(two))).has("repositories")).toBe(false);
  });

  test("what is not there is told before a byte is sent", async () => {
    await load({ "x:1": one });
    await expect(saved("x:1", "y:1")).rejects.toMatchObject({
      kind: "notFound",
      message: "No such image: y:1",
    });
    await expect(saved("UPPER")).rejects.toMatchObject({ kind: "invalid" });
    const archives = createImageArchives(context.dependencies);
    const arm = { os: "linux", architecture: "arm64" };
    await expect(archives.save(["x:1"], arm, new AbortController().signal)).rejects.toMatchObject({
      kind: "notFound",
    });
  });

  test("an image removed while it is saved is saved to its end", async () => {
    await load({ "x:1": two });
    const archives = createImageArchives(context.dependencies);
    const stream = await archives.save(["x:1"], undefined, new AbortController().signal);
    const first = await stream.next();
    await context.service.remove("x:1", { force: false, noPrune: false });
    let bytes = first.value?.length ?? 0;
    for await (const chunk of stream) bytes += chunk.length;
    expect(bytes % 512).toBe(0);
    expect(context.events.map((event) => event.action)).toContain("save");
  });
});
