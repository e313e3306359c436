import { describe, expect, test } from "bun:test";
import { EngineError } from "../../base/errors.ts";
import { sha256 } from "../../host/hashing.ts";
import { MediaType } from "../../oci/manifest.ts";
import { dockerArchive, idOf, layerTar } from "../../store/testing/image-archives.ts";
import { REPOSITORY, RegistryUnderTest, stages } from "./testing/registry-service.ts";

const BASE = layerTar({ "etc/base": "base\n" });
const UPPER = layerTar({ "etc/upper": "upper\n".repeat(1000) });
const image = { layers: [BASE, UPPER], config: { Labels: { l: "v" } } };
const other = { layers: [BASE], diffIds: [`sha256:${sha256(BASE)}`], config: { Env: ["A=b"] } };
const short = (digest: string) => digest.slice(7, 19);

const blobRequests = (context: RegistryUnderTest) =>
  context.registry.requests.filter((request) => request.startsWith("blob"));

function layersOf(context: RegistryUnderTest, digest: string): string[] {
  const bytes = context.registry.repository("team/app").manifests.get(digest)?.bytes;
  const { layers } = JSON.parse(new TextDecoder().decode(bytes)) as { layers: { digest: string }[] };
  return layers.map((layer) => short(layer.digest));
}

describe("pull of a tag", () => {
  test("says what Docker says, in its order", async () => {
    await using context = await RegistryUnderTest.open();
    const { digest } = context.registry.addImage("team/app", image, "1");
    const said = stages(await context.pull(REPOSITORY, "1"));
    const [lower = "", upper = ""] = layersOf(context, digest);
    expect(said.slice(0, 3)).toEqual([
      "1 Pulling from team/app",
      `${lower} Pulling fs layer`,
      `${upper} Pulling fs layer`,
    ]);
    for (const id of [lower, upper]) {
      expect(said.filter((line) => line.startsWith(id)).map((line) => line.slice(13))).toEqual([
        "Pulling fs layer",
        "Verifying Checksum",
        "Download complete",
        "Pull complete",
      ]);
    }
    expect(said.slice(-2)).toEqual([
      `Digest: ${digest}`,
      `Status: Downloaded newer image for ${REPOSITORY}:1`,
    ]);
    const found = await context.images.service.resolve(`${REPOSITORY}:1`);
    expect(found).toMatchObject({
      id: idOf(image),
      tags: [`${REPOSITORY}:1`],
      digests: [`${REPOSITORY}@${digest}`],
    });
    expect(context.images.events).toEqual([
      { action: "pull", id: `${REPOSITORY}:1`, attributes: { l: "v", name: REPOSITORY } },
    ]);
  });

  test("again asks only for the digest", async () => {
    await using context = await RegistryUnderTest.open();
    const { digest } = context.registry.addImage("team/app", image, "1");
    await context.pull(REPOSITORY, "1");
    context.registry.requests.length = 0;
    expect(stages(await context.pull(REPOSITORY, "1"))).toEqual([
      "1 Pulling from team/app",
      `Digest: ${digest}`,
      `Status: Image is up to date for ${REPOSITORY}:1`,
    ]);
    expect(context.registry.requests).toEqual(["find manifest team/app:1"]);
  });

  test("a layer that is here already is not downloaded", async () => {
    await using context = await RegistryUnderTest.open();
    context.registry.addImage("team/app", other, "base");
    await context.pull(REPOSITORY, "base");
    const { digest } = context.registry.addImage("team/app", image, "1");
    context.registry.requests.length = 0;
    const said = stages(await context.pull(REPOSITORY, "1"));
    const [lower, upper] = layersOf(context, digest);
    expect(said).toContain(`${lower} Already exists`);
    expect(said).toContain(`${upper} Pull complete`);
    expect(blobRequests(context)).toHaveLength(2);
  });

  test("a layer of a loaded image is not downloaded either, whatever its form", async () => {
    await using context = await RegistryUnderTest.open();
    await context.images.load(dockerArchive([{ ...other, tags: ["loaded:1"] }]));
    const { digest } = context.registry.addImage("team/app", image, "1");
    expect(stages(await context.pull(REPOSITORY, "1"))).toContain(
      `${layersOf(context, digest)[0]} Already exists`,
    );
  });

  test("a blob that is gone is brought again, although its layer is unpacked", async () => {
    await using context = await RegistryUnderTest.open();
    const { digest } = context.registry.addImage("team/app", image, "1");
    await context.pull(REPOSITORY, "1");
    const { images, content } = context.store;
    const [blob] = images.layerBlobs(
      (await context.images.service.resolve(`${REPOSITORY}:1`)).config.rootfs.diff_ids[0] ?? "",
    );
    await content.remove(blob?.digest ?? "");
    const said = stages(await context.pull(REPOSITORY, "1"));
    expect(said).toContain(`${layersOf(context, digest)[0]} Pull complete`);
    expect(await content.has(blob?.digest ?? "")).toBe(true);
  });

  test("that has moved leaves the old image without it", async () => {
    await using context = await RegistryUnderTest.open();
    context.registry.addImage("team/app", other, "1");
    await context.pull(REPOSITORY, "1");
    context.registry.addImage("team/app", image, "1");
    expect(stages(await context.pull(REPOSITORY, "1")).at(-1)).toBe(
      `Status: Downloaded newer image for ${REPOSITORY}:1`,
    );
    expect((await context.images.service.resolve(idOf(other))).tags).toEqual([]);
  });
});

describe("pull of other references", () => {
  test("a digest makes no tag", async () => {
    await using context = await RegistryUnderTest.open();
    const { digest } = context.registry.addImage("team/app", image, "1");
    for (const [from, tag, name] of [
      [REPOSITORY, digest, `${REPOSITORY}@${digest}`],
      [`${REPOSITORY}:zz@${digest}`, "", `${REPOSITORY}:zz@${digest}`],
    ] as const) {
      const said = stages(await context.pull(from, tag));
      expect(said[0]).toBe(`${name} Pulling from team/app`);
      expect(said.at(-1)).toContain(name);
    }
    const found = await context.images.service.resolve(`${REPOSITORY}:zz@${digest}`);
    expect([found.tags, found.digests]).toEqual([[], [`${REPOSITORY}@${digest}`]]);
  });

  test("a name alone means all tags", async () => {
    await using context = await RegistryUnderTest.open();
    context.registry.addImage("team/app", image, "1");
    context.registry.addImage("team/app", other, "2");
    const said = stages(await context.pull(REPOSITORY));
    expect(said.filter((line) => line.includes("Pulling from"))).toEqual([
      "1 Pulling from team/app",
      "2 Pulling from team/app",
    ]);
    expect(said.at(-1)).toBe(`Status: Downloaded newer image for ${REPOSITORY}`);
    expect(context.images.events).toEqual([
      { action: "pull", id: REPOSITORY, attributes: { name: REPOSITORY } },
    ]);
  });

  test("what is not there is not found, before anything was said", async () => {
    await using context = await RegistryUnderTest.open();
    await expect(context.pull(REPOSITORY, "nope")).rejects.toMatchObject({
      kind: "notFound",
      message: `manifest for ${REPOSITORY}:nope not found`,
    });
    await expect(context.pull(REPOSITORY)).rejects.toMatchObject({
      kind: "notFound",
      message: "repository name not known to registry",
    });
    context.registry.failure = new EngineError("denied", "pull access denied for alpine");
    await expect(context.pull("alpine", "1")).rejects.toMatchObject({
      kind: "notFound",
      message: "pull access denied for alpine",
    });
  });
});

describe("pull of an index", () => {
  async function withIndex() {
    const context = await RegistryUnderTest.open();
    const { registry } = context;
    const amd = registry.addImage("team/app", image);
    const arm = registry.addImage("team/app", { ...other, more: { architecture: "arm64" } });
    const statement = registry.addImage("team/app", {
      layers: [layerTar({ s: "s" })],
      more: { os: "unknown" },
    });
    const annotations = {
      "vnd.docker.reference.type": "attestation-manifest",
      "vnd.docker.reference.digest": amd.digest,
    };
    const manifests = [
      { ...arm, platform: { os: "linux", architecture: "arm64" } },
      { ...amd, platform: { os: "linux", architecture: "amd64" } },
      { ...statement, platform: { os: "unknown", architecture: "unknown" }, annotations },
    ];
    return {
      context,
      amd,
      arm,
      statement,
      index: registry.addManifest("team/app", { manifests }, MediaType.ociIndex, "1"),
    };
  }

  test("takes this machine's image and keeps index, manifest and statements", async () => {
    const { context, amd, arm, statement, index } = await withIndex();
    await using _ = context;
    const said = stages(await context.pull(REPOSITORY, "1"));
    expect(said).toContain(`Digest: ${index.digest}`);
    const found = await context.images.service.resolve(`${REPOSITORY}:1`);
    expect(found).toMatchObject({ id: idOf(image), digests: [`${REPOSITORY}@${index.digest}`] });
    const kept = context.store.images.blobsOf(found.id).map((blob) => blob.digest);
    expect(kept).toContain(index.digest);
    expect(kept).toContain(amd.digest);
    expect(kept).toContain(statement.digest);
    expect(kept).not.toContain(arm.digest);
  });

  test("takes the platform that is asked for", async () => {
    const { context } = await withIndex();
    await using _ = context;
    await context.pull(REPOSITORY, "1", { platform: "linux/arm64/v8" });
    expect((await context.images.service.resolve(`${REPOSITORY}:1`)).config.architecture).toBe("arm64");
  });

  test("says when there is no such platform", async () => {
    const { context } = await withIndex();
    await using _ = context;
    expect(stages(await context.pull(REPOSITORY, "1", { platform: "linux/s390x" })).at(-1)).toBe(
      "error: no matching manifest for linux/s390x in the manifest list entries",
    );
  });
});

describe("refused", () => {
  const last = async (change: object, mediaType?: string) => {
    await using context = await RegistryUnderTest.open();
    if (mediaType === undefined) context.registry.addImage("team/app", image, "1", change);
    else context.registry.addManifest("team/app", change, mediaType, "1");
    const said = stages(await context.pull(REPOSITORY, "1"));
    expect(context.images.service.count()).toBe(0);
    expect(context.images.temporary.list("snapshots")).toEqual([]);
    return said.at(-1);
  };
  const blob = { digest: `sha256:${"1".repeat(64)}`, size: 2 };

  test("a chart", async () => {
    const mediaType = "application/vnd.cncf.helm.config.v1+json";
    expect(await last({ config: { ...blob, mediaType } })).toBe(`error: unsupported media type ${mediaType}`);
  });

  test("foreign layers", async () => {
    const mediaType = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
    expect(await last({ layers: [{ ...blob, mediaType, urls: ["http://elsewhere/"] }] })).toStartWith(
      `error: unsupported media type ${mediaType}`,
    );
  });

  test("schema 1", async () => {
    const mediaType = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    expect(await last({ schemaVersion: 1 }, mediaType)).toStartWith(
      `error: unsupported media type ${mediaType}`,
    );
  });

  test("fewer layers than the config says", async () => {
    expect(await last({ layers: [] })).toBe("error: layers from manifest don't match image configuration");
  });

  test("layers that are not the config's", async () => {
    await using context = await RegistryUnderTest.open();
    context.registry.addImage(
      "team/app",
      { ...image, diffIds: [`sha256:${"1".repeat(64)}`, `sha256:${"2".repeat(64)}`] },
      "1",
    );
    expect(stages(await context.pull(REPOSITORY, "1")).at(-1)).toContain("invalid diffID for layer");
    expect(context.images.service.count()).toBe(0);
  });

  test("layers in another order, although all of them are here", async () => {
    await using context = await RegistryUnderTest.open();
    const { digest } = context.registry.addImage("team/app", image, "1");
    await context.pull(REPOSITORY, "1");
    const bytes = context.registry.repository("team/app").manifests.get(digest)?.bytes;
    const { layers } = JSON.parse(new TextDecoder().decode(bytes)) as { layers: object[] };
    context.registry.addImage("team/app", image, "swapped", { layers: layers.toReversed() });
    expect(stages(await context.pull(REPOSITORY, "swapped")).at(-1)).toBe(
      "error: layers from manifest don't match image configuration",
    );
  });

  test("a blob that claims to be a layer of which only the files are here", async () => {
    await using context = await RegistryUnderTest.open();
    context.registry.addImage("team/app", other, "1");
    await context.pull(REPOSITORY, "1");
    const { images, content } = context.store;
    const [blob] = images.layerBlobs(other.diffIds[0] ?? "");
    await content.remove(blob?.digest ?? "");
    images.dropStaleBlobs([blob?.digest ?? ""]);
    const lie = new TextEncoder().encode("no layer at all");
    const layers = [
      { mediaType: MediaType.ociLayer, digest: context.registry.addBlob("team/app", lie), size: lie.length },
    ];
    context.registry.addImage("team/app", other, "1", { layers });
    expect(stages(await context.pull(REPOSITORY, "1")).at(-1)).toBe(
      "error: layers from manifest don't match image configuration",
    );
    expect(images.layerBlobs(other.diffIds[0] ?? "")).toEqual([]);
  });

  test("another operating system", async () => {
    await using context = await RegistryUnderTest.open();
    context.registry.addImage("team/app", { ...image, more: { os: "windows" } }, "1");
    expect(stages(await context.pull(REPOSITORY, "1")).at(-1)).toBe(
      'error: image operating system "windows" cannot be used on this platform: operating system is not supported',
    );
  });

  test("a blob with other bytes", async () => {
    await using context = await RegistryUnderTest.open();
    const { digest } = context.registry.addImage("team/app", image, "1");
    const repository = context.registry.repository("team/app");
    for (const [name, bytes] of repository.blobs) {
      if (layersOf(context, digest).includes(short(name)))
        repository.blobs.set(
          name,
          bytes.map((byte) => byte ^ 1),
        );
    }
    expect(stages(await context.pull(REPOSITORY, "1")).at(-1)).toMatch(
      /^error: filesystem layer verification failed for digest sha256:/,
    );
  });

  test("an image of one platform where another was asked for stays, with a complaint", async () => {
    await using context = await RegistryUnderTest.open();
    context.registry.addImage("team/app", image, "1");
    expect(stages(await context.pull(REPOSITORY, "1", { platform: "linux/arm64" })).at(-1)).toBe(
      `error: image with reference ${REPOSITORY}:1 was found but does not match the specified platform: wanted linux/arm64, actual: linux/amd64`,
    );
    expect(context.images.service.count()).toBe(1);
  });
});

describe("two pulls", () => {
  test("of one image share the downloads", async () => {
    await using context = await RegistryUnderTest.open();
    context.registry.addImage("team/app", image, "1");
    await Promise.all([context.pull(REPOSITORY, "1"), context.pull(REPOSITORY, "1")]);
    const requests = blobRequests(context);
    expect(new Set(requests).size).toBe(requests.length);
    expect(context.images.temporary.unpacker.unpacked).toBe(2);
  });

  test("one that is canceled takes nothing from the other", async () => {
    await using context = await RegistryUnderTest.open();
    context.registry.addImage("team/app", image, "1");
    const opened = Promise.withResolvers<void>();
    const leave = new AbortController();
    context.registry.gate = opened.promise;
    const other = context.pull(REPOSITORY, "1");
    const options = { fromImage: REPOSITORY, tag: "1", platform: undefined, auth: undefined };
    const said = [];
    for await (const message of context.service.pull(options, leave.signal)) {
      said.push(message);
      if (message.status?.startsWith("Pulling from") === true)
        leave.abort(new EngineError("canceled", "the client went away"));
    }
    expect(stages(said).at(-1)).toContain("error:");
    opened.resolve();
    expect(stages(await other).at(-1)).toStartWith("Status:");
    expect(context.images.service.count()).toBe(1);
  });
});
