import { describe, expect, test } from "bun:test";
import { gunzipSync } from "node:zlib";
import { MediaType } from "../../oci/manifest.ts";
import { dockerArchive, idOf, layerTar } from "../../store/testing/image-archives.ts";
import { REPOSITORY, RegistryUnderTest, stages } from "./testing/registry-service.ts";

const BASE = layerTar({ "etc/base": "base\n" });
const UPPER = layerTar({ "etc/upper": "upper\n".repeat(1000) });
const image = { layers: [BASE, UPPER], config: { Labels: { l: "v" } } };
const COPY = "r:5000/copy";

interface PushedManifest {
  readonly mediaType: string;
  readonly config: { digest: string };
  readonly layers: { digest: string; mediaType: string; size: number }[];
}

function pushed(context: RegistryUnderTest, path: string, tag: string) {
  const { manifests, tags, blobs } = context.registry.repository(path);
  const found = manifests.get(tags.get(tag) ?? "");
  if (found === undefined) throw new Error(`${path}:${tag} is not there`);
  return { ...found, content: JSON.parse(new TextDecoder().decode(found.bytes)) as PushedManifest, blobs };
}

async function withPulled(tag = "1") {
  const context = await RegistryUnderTest.open();
  const { digest } = context.registry.addImage("team/app", image, tag);
  await context.pull(REPOSITORY, tag);
  context.images.events.length = 0;
  context.registry.requests.length = 0;
  return { context, digest };
}

describe("push of a pulled image", () => {
  test("to another repository mounts its blobs and keeps its digest", async () => {
    const { context, digest } = await withPulled();
    await using _ = context;
    await context.images.service.tag(`${REPOSITORY}:1`, { repo: COPY, tag: "x" });
    context.images.events.length = 0;
    const messages = await context.push(COPY, "x");
    const said = stages(messages);
    expect(said[0]).toBe(`The push refers to repository [${COPY}]`);
    expect(said.filter((line) => line.endsWith("Preparing"))).toHaveLength(2);
    expect(said.filter((line) => line.endsWith("Mounted from team/app"))).toHaveLength(2);
    const size = pushed(context, "copy", "x").bytes.length;
    expect(said.at(-1)).toBe(`x: digest: ${digest} size: ${size}`);
    expect(messages.at(-1)).toEqual({ progressDetail: {}, aux: { Tag: "x", Digest: digest, Size: size } });
    expect(context.images.events).toEqual([
      { action: "push", id: `${COPY}:x`, attributes: { l: "v", name: COPY } },
    ]);
    expect((await context.images.service.resolve(`${COPY}:x`)).digests).toEqual([
      `${COPY}@${digest}`,
      `${REPOSITORY}@${digest}`,
    ]);
  });

  test("to another registry uploads the blobs as they came", async () => {
    const { context, digest } = await withPulled();
    await using _ = context;
    await context.images.service.tag(`${REPOSITORY}:1`, { repo: "elsewhere:5000/x", tag: "1" });
    const said = stages(await context.push("elsewhere:5000/x", "1"));
    expect(said.filter((line) => line.endsWith(" Pushed"))).toHaveLength(2);
    expect(pushed(context, "x", "1").digest).toBe(digest);
  });

  test("the topmost layer is named first, by the digest of its content", async () => {
    const { context } = await withPulled();
    await using _ = context;
    const { config } = await context.images.service.resolve(`${REPOSITORY}:1`);
    const ids = stages(await context.push(REPOSITORY, "1")).flatMap((line) =>
      line.split(" Preparing").slice(0, -1),
    );
    expect(ids).toEqual(config.rootfs.diff_ids.map((id) => id.slice(7, 19)).reverse());
  });

  test("what is there already is not sent", async () => {
    const { context } = await withPulled();
    await using _ = context;
    const said = stages(await context.push(REPOSITORY, "1"));
    expect(said.filter((line) => line.endsWith("Layer already exists"))).toHaveLength(2);
  });
});

test("keeps the digest although a layer is here in another form only", async () => {
  await using context = await RegistryUnderTest.open();
  await context.images.load(dockerArchive([{ layers: [BASE], tags: ["loaded:1"] }]));
  const { digest } = context.registry.addImage("team/app", image, "1");
  const said = stages(await context.pull(REPOSITORY, "1"));
  expect(said.filter((line) => line.endsWith("Already exists"))).toHaveLength(1);
  await context.images.service.tag(`${REPOSITORY}:1`, { repo: COPY, tag: "1" });
  await context.push(COPY, "1");
  expect(pushed(context, "copy", "1").digest).toBe(digest);
  // Another registry has never seen it, and its credentials are for itself alone.
  await context.images.service.tag(`${REPOSITORY}:1`, { repo: "other:5000/x", tag: "1" });
  await context.push("other:5000/x", "1");
  expect(pushed(context, "x", "1").mediaType).toBe(MediaType.dockerManifest);
});

test("each tag goes as what it came, when one image has several manifests", async () => {
  const { context, digest } = await withPulled();
  await using _ = context;
  const annotated = context.registry.addImage("team/app", image, "2", { annotations: { a: "b" } });
  const index = context.registry.addManifest("team/app", { manifests: [annotated] }, MediaType.ociIndex, "3");
  for (const tag of ["2", "3"]) await context.pull(REPOSITORY, tag);
  context.registry.repository("team/app").tags.clear();
  await context.push(REPOSITORY);
  expect([...context.registry.repository("team/app").tags]).toEqual([
    ["1", digest],
    ["2", annotated.digest],
    ["3", index.digest],
  ]);
});

describe("push of an index", () => {
  async function pulledIndex(platforms: readonly string[]) {
    const context = await RegistryUnderTest.open();
    const manifests = platforms.map((architecture) => ({
      ...context.registry.addImage("team/app", { ...image, more: { architecture } }),
      platform: { os: "linux", architecture },
    }));
    const index = context.registry.addManifest("team/app", { manifests }, MediaType.ociIndex, "1");
    await context.pull(REPOSITORY, "1");
    await context.images.service.tag(`${REPOSITORY}:1`, { repo: COPY, tag: "1" });
    return { context, index, manifests };
  }

  test("that is here whole pushes the index", async () => {
    const { context, index, manifests } = await pulledIndex(["amd64"]);
    await using _ = context;
    await context.push(COPY, "1");
    expect(pushed(context, "copy", "1").digest).toBe(index.digest);
    expect([...context.registry.repository("copy").manifests.keys()].sort()).toEqual(
      [index.digest, manifests[0]?.digest ?? ""].sort(),
    );
  });

  test("of which one platform is here pushes that one's manifest, and says so", async () => {
    const { context, index, manifests } = await pulledIndex(["arm64", "amd64"]);
    await using _ = context;
    const messages = await context.push(COPY, "1");
    expect(pushed(context, "copy", "1").digest).toBe(manifests[1]?.digest ?? "");
    expect(messages.at(-1)?.aux).toMatchObject({
      manifestPushedInsteadOfIndex: true,
      originalIndex: { digest: index.digest },
      selectedManifest: { digest: manifests[1]?.digest },
    });
  });

  test("with a platform pushes the manifest", async () => {
    const { context, manifests } = await pulledIndex(["amd64"]);
    await using _ = context;
    await context.push(COPY, "1", { platform: '{"os":"linux","architecture":"amd64"}' });
    expect(pushed(context, "copy", "1").digest).toBe(manifests[0]?.digest ?? "");
    expect(stages(await context.push(COPY, "1", { platform: "linux/s390x" })).at(-1)).toContain(
      "does not match the specified platform: wanted linux/s390x, actual: linux/amd64",
    );
  });
});

describe("push of a loaded image", () => {
  async function withLoaded() {
    const context = await RegistryUnderTest.open();
    await context.images.load(
      dockerArchive([{ ...image, tags: [`${REPOSITORY}:1`, `${REPOSITORY}:2`, `${COPY}:1`] }]),
    );
    return context;
  }

  test("compresses its layers", async () => {
    await using context = await withLoaded();
    const said = stages(await context.push(REPOSITORY, "1"));
    expect(said.filter((line) => line.endsWith(" Pushed"))).toHaveLength(2);
    const { content, blobs, mediaType } = pushed(context, "team/app", "1");
    expect([mediaType, content.config.digest]).toEqual([MediaType.dockerManifest, idOf(image)]);
    const tars = content.layers.map(
      ({ digest }) => new Uint8Array(gunzipSync(blobs.get(digest) ?? new Uint8Array())),
    );
    expect(tars).toEqual([BASE, UPPER].map((tar) => new Uint8Array(tar)));
    expect(content.layers.map((layer) => layer.mediaType)).toEqual(Array(2).fill(MediaType.dockerLayerGzip));
    expect(content.layers.map((layer) => layer.size)).toEqual(
      content.layers.map(({ digest }) => blobs.get(digest)?.length ?? 0),
    );
  });

  test("again finds them there, in another repository mounts them, and has one digest everywhere", async () => {
    await using context = await withLoaded();
    await context.push(REPOSITORY, "1");
    const again = stages(await context.push(REPOSITORY, "1"));
    expect(again.filter((line) => line.endsWith("Layer already exists"))).toHaveLength(2);
    const mounted = stages(await context.push(COPY, "1"));
    expect(mounted.filter((line) => line.endsWith("Mounted from team/app"))).toHaveLength(2);
    expect(pushed(context, "copy", "1").digest).toBe(pushed(context, "team/app", "1").digest);
  });

  test("without a tag pushes all tags", async () => {
    await using context = await withLoaded();
    const said = stages(await context.push(REPOSITORY));
    expect(said.flatMap((line) => /^(.*): digest:/.exec(line)?.[1] ?? [])).toEqual(["1", "2"]);
    expect(context.images.events.at(-1)).toMatchObject({ action: "push", id: REPOSITORY });
  });

  test("a layer that an image has twice is sent once", async () => {
    await using context = await RegistryUnderTest.open();
    await context.images.load(dockerArchive([{ layers: [BASE, UPPER, BASE], tags: [`${REPOSITORY}:1`] }]));
    await context.push(REPOSITORY, "1");
    expect(context.registry.requests.filter((request) => request === "push unknown")).toHaveLength(2);
    expect(pushed(context, "team/app", "1").content.layers).toHaveLength(3);
  });
});

describe("a push is refused", () => {
  test.each([
    ["r:5000/none", "", "An image does not exist locally with the tag: r:5000/none"],
    [REPOSITORY, "nope", `tag does not exist: ${REPOSITORY}:nope`],
  ])("%s:%s", async (name, tag, message) => {
    const { context } = await withPulled();
    await using _ = context;
    expect(stages(await context.push(name, tag))).toEqual([
      `The push refers to repository [${name}]`,
      `error: ${message}`,
    ]);
  });

  test("where a repository has only a digest", async () => {
    const { context, digest } = await withPulled();
    await using _ = context;
    await context.pull("r:5000/team/app", digest);
    await context.images.service.remove(`${REPOSITORY}:1`, { force: true, noPrune: false });
    await context.pull("r:5000/team/app", digest);
    expect(stages(await context.push(REPOSITORY)).at(-1)).toBe(`error: no tags to push for ${REPOSITORY}`);
  });
});
