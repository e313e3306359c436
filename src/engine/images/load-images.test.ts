import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { ProgressMessage } from "../../api/image-views.ts";
import { sha256 } from "../../host/hashing.ts";
import { MediaType } from "../../oci/manifest.ts";
import { type TarFile, writeTar } from "../../oci/tar-writer.ts";
import {
  bodyOf,
  configOf,
  dockerArchive,
  file,
  idOf,
  layerTar,
  ociLayout,
  type TestImage,
} from "../../store/testing/image-archives.ts";
import { openService, type ServiceUnderTest } from "./testing/service.ts";

const base = layerTar({ "bin/sh": "#!", "etc/os": "one" });
const top = layerTar({ "app/main": "x".repeat(5000) });
const image: TestImage = { layers: [base, top], config: { Labels: { a: "b" } } };
const streams = (messages: ProgressMessage[]) => messages.flatMap((message) => message.stream ?? []);

describe("load of a docker-archive", () => {
  const packings: [string, (layer: Uint8Array) => Uint8Array, (archive: Uint8Array) => Uint8Array][] = [
    ["plain", (layer) => layer, (archive) => archive],
    ["gzip outside", (layer) => layer, (archive) => gzipSync(archive)],
    ["zstd outside", (layer) => layer, (archive) => zstdCompressSync(archive)],
    ["gzip layers", (layer) => gzipSync(layer), (archive) => archive],
    ["zstd layers in gzip", (layer) => zstdCompressSync(layer), (archive) => gzipSync(archive)],
  ];
  test.each(packings)("%s", async (_, pack, packAll) => {
    await using context = await openService();
    const messages = await context.load(
      packAll(dockerArchive([{ ...image, tags: ["app:v1", "quay.io/x/y:z"] }], pack)),
    );
    expect(streams(messages)).toEqual(["Loaded image: app:v1\n", "Loaded image: quay.io/x/y:z\n"]);
    const stored = await context.service.resolve("app:v1");
    expect(stored).toMatchObject({ id: idOf(image), sizeBytes: 5005, tags: ["app:v1", "quay.io/x/y:z"] });
    const { lowerDirs, upperDir } = await context.store.layers.root(stored.topSnapshot ?? "");
    expect(readFileSync(join(upperDir, "app/main"), "utf8")).toHaveLength(5000);
    expect(readFileSync(join(lowerDirs[0] ?? "", "etc/os"), "utf8")).toBe("one");
    expect(context.temporary.list("content", "ingest")).toEqual([]);
    expect(context.events).toEqual([
      { action: "load", id: idOf(image), attributes: { a: "b", name: idOf(image) } },
    ]);
  });

  test("shows the progress of each layer, unless quiet or there already", async () => {
    await using context = await openService();
    const archive = dockerArchive([{ ...image, tags: ["a:b"] }]);
    const messages = await context.load(archive, { quiet: false });
    for (const layer of image.layers) {
      const own = messages.filter((message) => message.id === sha256(layer).slice(0, 12));
      expect(own.at(-1)).toMatchObject({
        status: "Loading layer",
        progressDetail: { current: layer.length, total: layer.length },
      });
    }
    expect(
      (await context.load(archive, { quiet: false })).every((message) => message.status === undefined),
    ).toBe(true);
  });

  test("an image without a name is told by its id", async () => {
    await using context = await openService();
    expect(streams(await context.load(dockerArchive([{ ...image, tags: null }])))).toEqual([
      `Loaded image ID: ${idOf(image)}\n`,
    ]);
  });

  test("a name moves from the image that had it", async () => {
    await using context = await openService();
    const other: TestImage = { layers: [base] };
    await context.load(dockerArchive([{ ...image, tags: ["a:b"] }]));
    expect(streams(await context.load(dockerArchive([{ ...other, tags: ["a:b"] }])))).toEqual([
      `The image a:b already exists, renaming the old one with ID ${idOf(image)} to empty string\n`,
      "Loaded image: a:b\n",
    ]);
    expect((await context.service.resolve("a:b")).id).toBe(idOf(other) as never);
    expect((await context.service.resolve(idOf(image))).tags).toEqual([]);
  });

  test("layers that are links to one another, as old versions wrote them", async () => {
    await using context = await openService();
    const twice: TestImage = { layers: [base, base] };
    const config = configOf(twice);
    const manifest = [{ Config: "c.json", RepoTags: ["t:1"], Layers: ["one/layer.tar", "two/layer.tar"] }];
    const link = writeTar([file("two/layer.tar", new Uint8Array(0))]).slice(0, 512);
    link[156] = "2".charCodeAt(0);
    link.set(new TextEncoder().encode("../one/layer.tar"), 157);
    link.set(new TextEncoder().encode("        "), 148);
    const sum = link.reduce((total, byte) => total + byte, 0);
    link.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
    const files: TarFile[] = [
      file("c.json", config),
      file("manifest.json", new TextEncoder().encode(JSON.stringify(manifest))),
      file("one/layer.tar", base),
    ];
    const archive = new Uint8Array(Buffer.concat([link, writeTar(files)]));
    expect(streams(await context.load(archive))).toEqual(["Loaded image: t:1\n"]);
    expect(context.store.images.layersOf(idOf(twice))).toHaveLength(2);
  });
});

describe("load of an OCI layout", () => {
  const NAME = "io.containerd.image.name";
  const REF = "org.opencontainers.image.ref.name";

  test("names from annotations; a bare tag is no name", async () => {
    await using context = await openService();
    const other: TestImage = { layers: [base] };
    const third: TestImage = { layers: [top] };
    const layout = ociLayout([
      { image, annotations: { [NAME]: "docker.io/library/app:v1", [REF]: "v1" } },
      { image: other, annotations: { [REF]: "x/y:z" } },
      { image: third, annotations: { [REF]: "latest" } },
    ]);
    expect(streams(await context.load(layout))).toEqual([
      "Loaded image: app:v1\n",
      "Loaded image: x/y:z\n",
      `Loaded image ID: ${idOf(third)}\n`,
    ]);
    // Config, manifest, two layers.
    const blobs = context.store.images.blobsOf(idOf(image)).map((blob) => blob.digest.slice(7));
    expect(blobs).toHaveLength(4);
    expect(context.temporary.list("content", "blobs", "sha256")).toEqual(expect.arrayContaining(blobs));
  });

  const amd64 = { os: "linux", architecture: "amd64" };
  const arm64 = { os: "linux", architecture: "arm64", variant: "v8" };
  const armImage: TestImage = { layers: [top], more: { architecture: "arm64" } };

  test("an index of platforms gives this machine's, or the one asked for", async () => {
    await using context = await openService();
    const attestation = { os: "unknown", architecture: "unknown" };
    const layout = ociLayout(
      [
        { image: armImage, platform: arm64 },
        { image, platform: amd64 },
        { image: { layers: [] }, platform: attestation },
      ],
      { [NAME]: "docker.io/library/multi:1" },
    );
    await context.load(layout);
    expect((await context.service.resolve("multi:1")).id).toBe(idOf(image) as never);
    await context.load(layout, { platform: '{"os":"linux","architecture":"arm64"}' });
    expect((await context.service.resolve("multi:1")).id).toBe(idOf(armImage) as never);
    await expect(context.load(layout, { platform: "linux/s390x" })).rejects.toMatchObject({
      kind: "notFound",
      message: expect.stringContaining("linux/s390x is wanted"),
    });
  });

  test("a blob with other content than its digest says", async () => {
    await using context = await openService();
    const layout = ociLayout([{ image }]);
    const text = Buffer.from(layout).indexOf('"step 0"');
    layout[text + 2] = "X".charCodeAt(0);
    await expect(context.load(layout)).rejects.toMatchObject({ kind: "dataLoss" });
    expect(context.temporary.list("snapshots")).toEqual([]);
  });
});

describe("what a load keeps", () => {
  const blobsIn = (context: ServiceUnderTest) => context.temporary.list("content", "blobs", "sha256");

  test("layers as they came, compressed or not, once each", async () => {
    for (const [pack, mediaType] of [
      [(layer: Uint8Array) => layer, MediaType.ociLayer],
      [(layer: Uint8Array) => new Uint8Array(gzipSync(layer)), MediaType.ociLayerGzip],
      [(layer: Uint8Array) => new Uint8Array(zstdCompressSync(layer)), MediaType.ociLayerZstd],
    ] as const) {
      await using context = await openService();
      await context.load(dockerArchive([{ ...image, tags: ["a:b"] }], pack));
      for (const layer of image.layers) {
        const packed = pack(layer);
        const digest = `sha256:${sha256(packed)}`;
        expect(context.store.images.layerBlobs(`sha256:${sha256(layer)}`)).toEqual([
          { digest, mediaType, sizeBytes: packed.length },
        ]);
        expect(await context.store.content.read(digest, 1 << 20)).toEqual(packed);
      }
      expect(blobsIn(context)).toHaveLength(3);
    }
  });

  test("no second blob of a layer that is there, unless a manifest names it", async () => {
    await using context = await openService();
    const zipped = (layer: Uint8Array) => new Uint8Array(gzipSync(layer));
    await context.load(dockerArchive([{ ...image, tags: ["a:b"] }], zipped));
    const before = blobsIn(context);
    await context.load(dockerArchive([{ ...image, config: {}, tags: ["plain:1"] }]));
    expect(blobsIn(context)).toHaveLength(before.length + 1);
    await context.load(ociLayout([{ image, annotations: { "io.containerd.image.name": "a/b:c" } }]));
    expect(blobsIn(context)).toHaveLength(before.length + 1 + 3);
    for (const name of ["a:b", "plain:1", "a/b:c"]) {
      await context.service.remove(name, { force: true, noPrune: false });
    }
    expect(blobsIn(context)).toEqual([]);
  });

  test("the index, manifests of other platforms and attestations with their statements", async () => {
    await using context = await openService();
    const other: TestImage = { layers: [top], more: { architecture: "arm64" } };
    const layout = ociLayout(
      [
        { image, platform: { os: "linux", architecture: "amd64" } },
        { image: other, platform: { os: "linux", architecture: "arm64" } },
        {
          image: { layers: [new TextEncoder().encode('{"_type":"statement"}')] },
          platform: { os: "unknown", architecture: "unknown" },
          annotations: { "vnd.docker.reference.type": "attestation-manifest" },
        },
      ],
      { "io.containerd.image.name": "docker.io/library/multi:1" },
    );
    await context.load(layout);
    const kinds = context.store.images.blobsOf(idOf(image)).map((blob) => blob.mediaType);
    expect(kinds.filter((kind) => kind === MediaType.ociIndex)).toHaveLength(1);
    expect(kinds.filter((kind) => kind === MediaType.ociManifest)).toHaveLength(3);
    // This platform's config and layers, the statement with its own config.
    expect(kinds).toHaveLength(4 + 3 + 2);
  });

  test("Docker's archives of both forms: the names of one, the manifests of the other", async () => {
    await using context = await openService();
    const both = withManifestJson(ociLayout([{ image }]), image, ["both:1"]);
    expect(streams(await context.load(both))).toEqual(["Loaded image: both:1\n"]);
    const kinds = context.store.images.blobsOf(idOf(image)).map((blob) => blob.mediaType);
    expect(kinds).toContain(MediaType.ociManifest);
    expect(kinds).toHaveLength(4);
  });

  test("a layer with other bytes than its descriptor says leaves nothing", async () => {
    await using context = await openService();
    const layout = ociLayout([{ image }]);
    // The bytes between the end mark of a layer's tar and the end of its blob are no part of any file.
    const at = Buffer.from(layout).indexOf("x".repeat(5000));
    layout[at] = "y".charCodeAt(0);
    await expect(context.load(layout)).rejects.toMatchObject({ kind: "invalid" });
    await context.store.close();
    expect(blobsIn(context)).toEqual([]);
  });
});

/** An OCI layout with Docker's manifest.json beside it. */
function withManifestJson(layout: Uint8Array, what: TestImage, tags: readonly string[]): Uint8Array {
  const path = (bytes: Uint8Array) => `blobs/sha256/${sha256(bytes)}`;
  const document = [{ Config: path(configOf(what)), RepoTags: tags, Layers: what.layers.map(path) }];
  const manifest = writeTar([file("manifest.json", new TextEncoder().encode(JSON.stringify(document)))]);
  // Without the end mark of the first.
  return new Uint8Array(Buffer.concat([layout.subarray(0, layout.length - 1024), manifest]));
}

describe("load of what is wrong", () => {
  const refused: [string, Uint8Array, object][] = [
    [
      "no tar",
      new TextEncoder().encode("hello".repeat(300)),
      { kind: "invalid", message: "archive/tar: invalid tar header" },
    ],
    [
      "a tar of something else",
      layerTar({ "etc/passwd": "x" }),
      { message: expect.stringContaining("does not contain a manifest.json") },
    ],
    ["nothing", new Uint8Array(0), { message: expect.stringContaining("does not contain a manifest.json") }],
    [
      "a layer of another digest",
      dockerArchive([{ layers: [base], diffIds: [`sha256:${"0".repeat(64)}`], tags: ["a:b"] }]),
      {
        kind: "invalid",
        message: expect.stringContaining(`invalid diffID for layer 0: expected "sha256:000`),
      },
    ],
    [
      "more diff ids than layers",
      dockerArchive([
        { layers: [base], diffIds: [`sha256:${"0".repeat(64)}`, `sha256:${"1".repeat(64)}`], tags: null },
      ]),
      { message: "invalid manifest, layers length mismatch: expected 2, got 1" },
    ],
    [
      "a layer that is no tar",
      dockerArchive([{ layers: [new Uint8Array(2000).fill(65)], tags: null }]),
      { kind: "invalid" },
    ],
    [
      "an image for Windows",
      dockerArchive([{ ...image, more: { os: "windows" }, tags: null }]),
      { message: "cannot load windows image on linux" },
    ],
    ["a name without a tag", dockerArchive([{ ...image, tags: ["app"] }]), { message: 'invalid tag "app"' }],
    [
      "a damaged gzip",
      gzipSync(dockerArchive([{ ...image, tags: null }])).subarray(0, 300),
      { kind: "invalid" },
    ],
    [
      "a config that is not in the archive",
      writeTar([
        file("manifest.json", new TextEncoder().encode('[{"Config":"../../etc/passwd","Layers":[]}]')),
      ]),
      { message: expect.stringContaining("no such file") },
    ],
    [
      "a name that leaves the archive",
      layerTar({ "../../x": "y" }),
      { message: expect.stringContaining("invalid name in the archive") },
    ],
  ];
  test.each(refused)("%s leaves nothing", async (_, archive, error) => {
    await using context = await openService();
    await expect(context.load(archive)).rejects.toMatchObject(error);
    await context.store.layers.settled();
    expect(context.temporary.list("snapshots")).toEqual([]);
    expect(context.temporary.list("content", "ingest")).toEqual([]);
    expect(context.temporary.list("content", "blobs", "sha256")).toEqual([]);
    expect(context.service.count()).toBe(0);
  });

  test("after the first message the error is one, and what was whole stays", async () => {
    await using context = await openService();
    const broken = { layers: [top], diffIds: [`sha256:${"0".repeat(64)}`], tags: ["bad:1"] };
    const messages = await context.load(dockerArchive([{ ...image, tags: ["good:1"] }, broken]));
    expect(messages[0]?.stream).toBe("Loaded image: good:1\n");
    expect(messages[1]?.error).toStartWith("invalid diffID for layer 0");
    expect(messages[1]?.errorDetail?.message).toBe(messages[1]?.error ?? "");
    expect(context.service.count()).toBe(1);
  });

  test("a platform that the image is not for", async () => {
    await using context = await openService();
    const archive = dockerArchive([{ ...image, tags: ["a:b"] }]);
    await expect(context.load(archive, { platform: "linux/arm64" })).rejects.toThrow(
      "image with reference a:b was found but does not match the specified platform: wanted linux/arm64, actual: linux/amd64",
    );
  });
});

describe("interruptions", () => {
  test("a client that goes away in the middle leaves nothing", async () => {
    await using context = await openService();
    const archive = dockerArchive([{ ...image, tags: ["a:b"] }]);
    const controller = new AbortController();
    async function* body() {
      yield archive.subarray(0, 4000);
      controller.abort();
      yield archive.subarray(4000);
    }
    const messages = context.service.load(body(), { quiet: true, platform: undefined }, controller.signal);
    await expect(Array.fromAsync(messages)).rejects.toMatchObject({ kind: "canceled" });
    expect(context.temporary.list("content", "ingest")).toEqual([]);
    expect(context.temporary.list("snapshots")).toEqual([]);
  });

  test("a client that stops reading ends the load", async () => {
    await using context = await openService();
    const messages = context.service.load(
      bodyOf(dockerArchive([{ ...image, tags: ["a:b"] }])),
      { quiet: false, platform: undefined },
      new AbortController().signal,
    );
    for await (const _ of messages) break;
    await context.store.layers.settled();
    expect(context.temporary.list("content", "ingest")).toEqual([]);
  });

  test("the same archive many times at once is unpacked once", async () => {
    await using context = await openService();
    const archive = dockerArchive([{ ...image, tags: ["a:b"] }]);
    const all = await Promise.all(Array.from({ length: 8 }, () => context.load(archive)));
    for (const messages of all) expect(streams(messages)).toEqual(["Loaded image: a:b\n"]);
    expect(context.temporary.unpacker.unpacked).toBe(2);
    await context.store.layers.settled();
    expect(context.temporary.list("snapshots")).toHaveLength(2);
  });

  test("one that fails does not harm another that waits for its layer", async () => {
    await using context = await openService();
    const archive = dockerArchive([{ ...image, tags: ["a:b"] }]);
    const controller = new AbortController();
    const first = Array.fromAsync(
      context.service.load(bodyOf(archive), { quiet: false, platform: undefined }, controller.signal),
    ).catch(() => []);
    const second = context.load(archive);
    controller.abort();
    await first;
    expect(streams(await second)).toEqual(["Loaded image: a:b\n"]);
  });
});
