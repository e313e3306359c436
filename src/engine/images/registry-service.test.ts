import { describe, expect, test } from "bun:test";
import { MediaType } from "../../oci/manifest.ts";
import type { SearchResult } from "../../registry/client/registry-client.ts";
import { layerTar } from "../../store/testing/image-archives.ts";
import { credentialsOf } from "./registry-credentials.ts";
import { REPOSITORY, RegistryUnderTest } from "./testing/registry-service.ts";

const signal = new AbortController().signal;
const image = { layers: [layerTar({ a: "a" })] };

describe("credentialsOf", () => {
  test.each([
    [undefined, undefined],
    [{}, undefined],
    [{ serveraddress: "r:5000", username: "", password: "" }, undefined],
    [
      { username: "u", password: "p" },
      { username: "u", password: "p" },
    ],
    [{ auth: btoa("u:p:q") }, { username: "u", password: "p:q" }],
    [{ auth: "no pair" }, undefined],
    [
      { username: "u", password: "p", auth: btoa("x:y") },
      { username: "u", password: "p" },
    ],
    [{ identitytoken: "i" }, { identityToken: "i" }],
    [{ registrytoken: "r" }, { registryToken: "r" }],
  ])("%j", (auth, credentials) => expect(credentialsOf(auth)).toEqual(credentials));
});

describe("search", () => {
  const result = (name: string, starCount: number, isOfficial: boolean): SearchResult => {
    return { name, starCount, isOfficial, isAutomated: false, description: "" };
  };
  async function search(term: string, filters: [string, string[]][] = [], limit?: number) {
    await using context = await RegistryUnderTest.open();
    context.registry.results = [result("a", 10, true), result("b", 5, false), result("c", 1, false)];
    const found = await context.service.search(
      term,
      { limit, filters: new Map(filters), auth: undefined },
      signal,
    );
    return { names: found.map(({ name }) => name), request: context.registry.requests[0] };
  }

  test.each([
    [[], ["a", "b", "c"]],
    [[["stars", ["5"]]], ["a", "b"]],
    [[["is-official", ["true"]]], ["a"]],
    [[["is-official", ["0"]]], ["b", "c"]],
    [
      [
        ["stars", ["5"]],
        ["is-official", ["false"]],
      ],
      ["b"],
    ],
  ] as [[string, string[]][], string[]][])("%j", async (filters, names) => {
    expect((await search("x", filters)).names).toEqual(names);
  });

  test("asks the Hub, or the registry that the term begins with", async () => {
    expect((await search("library/x")).request).toBe("search x 25");
    expect((await search("user/x", [], 3)).request).toBe("search user/x 3");
    expect((await search("r:5000/team/x")).request).toBe("search team/x 25");
  });

  test.each([
    [[["foo", ["a"]]], undefined, "invalid filter 'foo'"],
    [[["is-official", ["maybe"]]], undefined, "invalid filter 'is-official=[maybe]'"],
    [[["stars", ["a"]]], undefined, "invalid filter 'stars=a': strconv.Atoi: parsing \"a\": invalid syntax"],
    [[], 101, "limit 101 is outside the range of [1, 100]"],
    [[], -1, "limit -1 is outside the range of [1, 100]"],
  ] as [[string, string[]][], number | undefined, string][])(
    "%j %p is refused",
    async (filters, limit, message) => {
      await expect(search("x", filters, limit)).rejects.toMatchObject({ kind: "invalid", message });
    },
  );
});

describe("distribution", () => {
  test("tells an index's platforms, a Docker manifest's own, and none of an OCI manifest", async () => {
    await using context = await RegistryUnderTest.open();
    const { registry, service } = context;
    const manifest = registry.addImage("team/app", image, "oci");
    const platform = { os: "linux", architecture: "arm", variant: "v7" };
    registry.addManifest("team/app", { manifests: [{ ...manifest, platform }] }, MediaType.ociIndex, "index");
    const bytes = registry.repository("team/app").manifests.get(manifest.digest)?.bytes;
    const { config, layers } = JSON.parse(new TextDecoder().decode(bytes)) as {
      config: object;
      layers: object;
    };
    registry.addManifest("team/app", { config, layers }, MediaType.dockerManifest, "docker");
    const platforms = async (tag: string) =>
      (await service.inspectDistribution(`${REPOSITORY}:${tag}`, undefined, signal)).Platforms;
    expect(await platforms("oci")).toBeNull();
    expect(await platforms("index")).toEqual([platform]);
    expect(await platforms("docker")).toEqual([{ os: "linux", architecture: "amd64" }]);
  });
});

describe("manifests of an image", () => {
  test("are those of its index, with what of them is here", async () => {
    await using context = await RegistryUnderTest.open();
    const { registry } = context;
    const amd = registry.addImage("team/app", image);
    const arm = registry.addImage("team/app", { ...image, more: { architecture: "arm64" } });
    const manifests = [
      { ...amd, platform: { os: "linux", architecture: "amd64" } },
      { ...arm, platform: { os: "linux", architecture: "arm64" } },
    ];
    const index = registry.addManifest("team/app", { manifests }, MediaType.ociIndex, "1");
    await context.pull(REPOSITORY, "1");
    const { service } = context.images;
    const view = await service.inspect(`${REPOSITORY}:1`, { manifests: true });
    expect(view.Descriptor).toEqual(index);
    expect(view.Manifests?.map(({ ID, Kind, Available }) => [ID, Kind, Available])).toEqual([
      [amd.digest, "image", true],
      [arm.digest, "image", false],
    ]);
    expect(view.Manifests?.[0]?.ImageData?.Size.Unpacked).toBe(1);
    const [listed] = await service.list({
      all: false,
      digests: false,
      sharedSize: false,
      filters: new Map(),
      manifests: true,
    });
    expect(listed?.Manifests).toEqual(view.Manifests);
  });

  test("a platform that the image is not for is not found, and not removed", async () => {
    await using context = await RegistryUnderTest.open();
    context.registry.addImage("team/app", image, "1");
    await context.pull(REPOSITORY, "1");
    const { service } = context.images;
    const ref = `${REPOSITORY}:1`;
    const missing = {
      kind: "notFound",
      message: expect.stringContaining("wanted linux/arm64, actual: linux/amd64"),
    };
    const platform = '{"os":"linux","architecture":"arm64"}';
    await expect(service.inspect(ref, { platform })).rejects.toMatchObject(missing);
    await expect(service.history(ref, { platform })).rejects.toMatchObject(missing);
    const options = { force: false, noPrune: false };
    await expect(service.remove(ref, { ...options, platforms: [platform] })).rejects.toMatchObject(missing);
    expect(await service.remove(ref, { ...options, platforms: ["linux/amd64"] })).not.toEqual([]);
  });
});
