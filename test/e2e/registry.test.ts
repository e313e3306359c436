/** Pulls and pushes with the stock client against a real registry. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { MediaType } from "../../src/oci/manifest.ts";
import { BUSYBOX, NONE, withDaemon } from "../support/fixture.ts";
import { TestRegistry } from "../support/registry.ts";
import { busyboxImage, publish, skopeo } from "../support/registry-images.ts";

const { daemon, scratch } = withDaemon();
const config = join(scratch, "config");
let registry: TestRegistry;
/** Of `team/app:1`. */
let digest = "";

beforeAll(async () => {
  mkdirSync(config);
  registry = await TestRegistry.start();
  digest = await publish(scratch, registry, await busyboxImage(scratch, ["one\n", "two\n"]), "team/app:1");
}, 60_000);
afterAll(() => registry[Symbol.asyncDispose]());

const name = (rest: string) => `${registry.host}/${rest}`;
const docker = (...args: readonly string[]) => daemon.dockerWith({ env: { DOCKER_CONFIG: config } }, ...args);
const inspect = async (ref: string, format: string) =>
  await daemon.mustDocker("image", "inspect", "-f", format, ref);
const removeAll = async (...refs: readonly string[]) => {
  await daemon.docker("rmi", "-f", ...refs);
};

describe("docker pull", () => {
  test("brings an image that runs", async () => {
    const { code, stdout } = await docker("pull", name("team/app:1"));
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toBe("1: Pulling from team/app");
    // The lowest layer may be the fixture's own busybox.
    expect(lines.filter((line) => /: (?:Pull complete|Already exists)$/.test(line))).toHaveLength(3);
    expect(lines.slice(-3)).toEqual([
      `Digest: ${digest}`,
      `Status: Downloaded newer image for ${name("team/app:1")}`,
      name("team/app:1"),
    ]);
    expect(await daemon.mustDocker("run", "--rm", ...NONE, name("team/app:1"))).toBe("one");
    expect(await inspect(name("team/app:1"), "{{json .RepoDigests}}")).toBe(
      JSON.stringify([`${name("team/app")}@${digest}`]),
    );
  });

  test("of what is up to date asks only for the manifest", async () => {
    registry.requests();
    expect((await docker("pull", name("team/app:1"))).stdout).toContain("Status: Image is up to date for");
    const asked = registry.requests().filter(({ path }) => path !== "/v2/");
    expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual(["HEAD /v2/team/app/manifests/1"]);
  });

  test("--quiet says the name only", async () => {
    expect((await docker("pull", "-q", name("team/app:1"))).stdout).toBe(`${name("team/app:1")}\n`);
  });

  test("by digest makes no tag, and containers find it by every name that means it", async () => {
    await removeAll(name("team/app:1"));
    const byDigest = name(`team/app@${digest}`);
    expect((await docker("pull", byDigest)).code).toBe(0);
    expect(await inspect(byDigest, "{{json .RepoTags}}")).toBe("[]");
    expect(await daemon.mustDocker("run", "--rm", ...NONE, name(`team/app:any@${digest}`))).toBe("one");
    expect(await daemon.mustDocker("rmi", byDigest)).toContain(`Untagged: ${byDigest}`);
    expect((await daemon.docker("image", "inspect", byDigest)).code).not.toBe(0);
  });

  test("-a brings all tags", async () => {
    await publish(scratch, registry, await busyboxImage(scratch, ["first\n"]), "many/tags:a");
    await publish(scratch, registry, await busyboxImage(scratch, ["second\n"]), "many/tags:b");
    const { stdout } = await docker("pull", "-a", name("many/tags"));
    expect(stdout).toContain("a: Pulling from many/tags");
    expect(stdout).toContain("b: Pulling from many/tags");
    expect(await daemon.mustDocker("run", "--rm", ...NONE, name("many/tags:b"))).toBe("second");
    await removeAll(name("many/tags:a"), name("many/tags:b"));
  });

  test("of a tag that has moved leaves the old image nameless", async () => {
    await publish(scratch, registry, await busyboxImage(scratch, ["old\n"]), "moving:x");
    await docker("pull", name("moving:x"));
    const old = await inspect(name("moving:x"), "{{.Id}}");
    await publish(scratch, registry, await busyboxImage(scratch, ["new\n"]), "moving:x");
    expect((await docker("pull", name("moving:x"))).stdout).toContain("Downloaded newer image");
    expect(await daemon.mustDocker("run", "--rm", ...NONE, name("moving:x"))).toBe("new");
    expect(await inspect(old, "{{json .RepoTags}}")).toBe("[]");
    await removeAll(name("moving:x"), old);
  });

  test.each([
    ["no tag", "team/app:nope", /manifest for .*team\/app:nope not found: manifest unknown/],
    ["no repository", "nobody/nothing:1", /manifest for .*nobody\/nothing:1 not found/],
  ])("says what is not there: %s", async (_, rest, message) => {
    const { code, stderr } = await docker("pull", name(rest));
    expect([code, message.test(stderr)]).toEqual([1, true]);
  });

  test("happens by itself when a container is to be run", async () => {
    await removeAll(name("team/app:1"));
    const { code, stdout, stderr } = await docker("run", "--rm", ...NONE, name("team/app:1"));
    expect([code, stdout]).toEqual([0, "one\n"]);
    expect(stderr).toContain(`Unable to find image '${name("team/app:1")}' locally`);
    expect(stderr).toContain(`Status: Downloaded newer image for ${name("team/app:1")}`);
  });

  test("is told to others as an event", async () => {
    await docker("pull", name("team/app:1"));
    const text = await daemon.mustDocker(
      "events",
      "--since",
      "10s",
      "--until",
      `${Math.ceil(Date.now() / 1000) + 1}`,
      "--filter",
      "event=pull",
      "--format",
      "{{.Actor.ID}} {{.Actor.Attributes.name}}",
    );
    expect(text.split("\n").at(-1)).toBe(`${name("team/app:1")} ${name("team/app")}`);
  });
});

describe("an index", () => {
  let index = "";
  const descriptors: Record<string, object> = {};

  beforeAll(async () => {
    for (const architecture of ["amd64", "arm64"]) {
      const image = await busyboxImage(scratch, [`for ${architecture}\n`]);
      await publish(scratch, registry, { ...image, more: { architecture } }, `multi/app:${architecture}`);
      const { digest, body, mediaType } = await registry.manifest("multi/app", architecture);
      descriptors[architecture] = {
        mediaType,
        digest,
        size: body.length,
        platform: { os: "linux", architecture },
      };
    }
    const statement = await registry.putBlob("multi/app", new TextEncoder().encode("{}"));
    const about = { mediaType: "application/vnd.in-toto+json", digest: statement, size: 2 };
    const attestation = {
      schemaVersion: 2,
      mediaType: MediaType.ociManifest,
      config: { mediaType: MediaType.ociConfig, digest: statement, size: 2 },
      layers: [about],
    };
    const attestationDigest = await registry.putManifest(
      "multi/app",
      "attestation",
      attestation,
      MediaType.ociManifest,
    );
    const subject = descriptors.amd64 as { digest: string };
    const manifests = [
      descriptors.arm64,
      descriptors.amd64,
      {
        mediaType: MediaType.ociManifest,
        digest: attestationDigest,
        size: JSON.stringify(attestation).length,
        platform: { os: "unknown", architecture: "unknown" },
        annotations: {
          "vnd.docker.reference.type": "attestation-manifest",
          "vnd.docker.reference.digest": subject.digest,
        },
      },
    ];
    const document = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests };
    index = await registry.putManifest("multi/app", "all", document, MediaType.ociIndex);
    const single = { ...document, manifests: manifests.slice(1) };
    await registry.putManifest("multi/app", "single", single, MediaType.ociIndex);
  }, 60_000);

  test("gives the image of this machine", async () => {
    const { stdout } = await docker("pull", name("multi/app:all"));
    expect(stdout).toContain(`Digest: ${index}`);
    expect(await daemon.mustDocker("run", "--rm", ...NONE, name("multi/app:all"))).toBe("for amd64");
  });

  test("gives the platform that is asked for, and says when there is none", async () => {
    await docker("pull", "--platform", "linux/arm64", name("multi/app:all"));
    expect(await inspect(name("multi/app:all"), "{{.Architecture}}")).toBe("arm64");
    const { code, stderr } = await docker("pull", "--platform", "linux/s390x", name("multi/app:all"));
    expect([code, stderr]).toEqual([
      1,
      "no matching manifest for linux/s390x in the manifest list entries\n",
    ]);
    await docker("pull", name("multi/app:all"));
    expect(await inspect(name("multi/app:all"), "{{.Architecture}}")).toBe("amd64");
  });

  test("is pushed as it came when all of it is here, with its statements", async () => {
    await docker("pull", name("multi/app:single"));
    await daemon.mustDocker("tag", name("multi/app:single"), name("copies/single:1"));
    await docker("push", name("copies/single:1"));
    const [before, after] = [
      await registry.manifest("multi/app", "single"),
      await registry.manifest("copies/single", "1"),
    ];
    expect(after).toEqual(before);
  });

  test("of two platforms is pushed whole once both were pulled", async () => {
    await docker("pull", "--platform", "linux/arm64", name("multi/app:all"));
    await docker("pull", name("multi/app:all"));
    await daemon.mustDocker("tag", name("multi/app:all"), name("copies/all:1"));
    await docker("push", name("copies/all:1"));
    expect((await registry.manifest("copies/all", "1")).digest).toBe(index);
  });
});

describe("docker push", () => {
  test("of an imported image, again, and to another repository", async () => {
    await daemon.mustDocker("tag", BUSYBOX, name("pushed/busybox:1"));
    const first = await docker("push", name("pushed/busybox:1"));
    expect(first.stdout).toStartWith(`The push refers to repository [${name("pushed/busybox")}]\n`);
    expect(first.stdout).toMatch(/^[0-9a-f]{12}: Pushed$/m);
    const said = /^1: digest: (sha256:[0-9a-f]{64}) size: \d+$/m.exec(first.stdout)?.[1];
    expect(said).toBe((await registry.manifest("pushed/busybox", "1")).digest);
    expect((await docker("push", name("pushed/busybox:1"))).stdout).toMatch(/: Layer already exists$/m);
    await daemon.mustDocker("tag", BUSYBOX, name("pushed/other:1"));
    expect((await docker("push", name("pushed/other:1"))).stdout).toMatch(/: Mounted from pushed\/busybox$/m);
    expect(await inspect(name("pushed/other:1"), "{{json .RepoDigests}}")).toContain(`pushed/other@${said}`);
    // Another program reads it, checks every digest, and finds the same files.
    const copy = join(scratch, "copy");
    await skopeo(
      scratch,
      "--insecure-policy",
      "copy",
      "-q",
      "--src-tls-verify=false",
      `docker://${name("pushed/other:1")}`,
      `dir:${copy}`,
    );
    await removeAll(name("pushed/busybox:1"), name("pushed/other:1"));
    expect(await daemon.mustDocker("run", "--rm", ...NONE, name("pushed/busybox:1"), "echo", "back")).toBe(
      "back",
    );
  });

  test("keeps the digest of what was pulled", async () => {
    await docker("pull", name("team/app:1"));
    await daemon.mustDocker("tag", name("team/app:1"), name("round/trip:1"));
    await docker("push", "-q", name("round/trip:1"));
    expect((await registry.manifest("round/trip", "1")).digest).toBe(digest);
  });

  test("-a sends all tags", async () => {
    for (const tag of ["1", "2"]) await daemon.mustDocker("tag", BUSYBOX, name(`all/tags:${tag}`));
    const { stdout } = await docker("push", "-a", name("all/tags"));
    expect(stdout).toMatch(/^1: digest: /m);
    expect(stdout).toMatch(/^2: digest: /m);
    expect((await registry.manifest("all/tags", "2")).digest).toBe(
      (await registry.manifest("all/tags", "1")).digest,
    );
  });

  test("of what is not here", async () => {
    const { code, stderr } = await docker("push", name("none/here:1"));
    expect([code, stderr]).toEqual([
      1,
      `An image does not exist locally with the tag: ${name("none/here")}\n`,
    ]);
  });
});

describe("what is no image", () => {
  test("a chart is refused by its type", async () => {
    const empty = await registry.putBlob("charts/x", new TextEncoder().encode("{}"));
    const mediaType = "application/vnd.cncf.helm.config.v1+json";
    const chart = { mediaType, digest: empty, size: 2 };
    const document = { schemaVersion: 2, mediaType: MediaType.ociManifest, config: chart, layers: [chart] };
    await registry.putManifest("charts/x", "1", document, MediaType.ociManifest);
    expect((await docker("pull", name("charts/x:1"))).stderr).toBe(`unsupported media type ${mediaType}\n`);
  });
});

describe("the API", () => {
  const json = async (path: string) =>
    (await (await daemon.api("GET", path)).json()) as Record<string, unknown>;

  test("tells what a registry has", async () => {
    const found = await json(`/v1.50/distribution/${name("multi/app:all")}/json`);
    expect(found.Descriptor).toMatchObject({ mediaType: MediaType.ociIndex });
    expect(found.Platforms).toEqual([
      { architecture: "arm64", os: "linux" },
      { architecture: "amd64", os: "linux" },
      { architecture: "unknown", os: "unknown" },
    ]);
    expect((await daemon.api("GET", `/v1.50/distribution/${name("multi/app:nope")}/json`)).status).toBe(404);
  });

  test("searches a registry's catalog", async () => {
    const text = await daemon.mustDocker("search", "--format", "{{.Name}}", name("team"));
    expect(text.split("\n")).toContain("team/app");
  });

  test("lists manifests where they are asked for", async () => {
    await docker("pull", name("multi/app:single"));
    const { Manifests } = await json(`/v1.50/images/${name("multi/app:single")}/json?manifests=1`);
    const kinds = (Manifests as { Kind: string; Available: boolean }[]).map(
      (each) => `${each.Kind} ${each.Available}`,
    );
    expect(kinds).toContain("image true");
    expect(kinds).toContain("attestation true");
  });
});
