import { describe, expect, test } from "bun:test";
import { parseImageName } from "../../oci/reference.ts";
import { callWith, testClient } from "./testing/test-client.ts";
import { fail, sha256, TestRegistry } from "./testing/test-registry.ts";

const OCI = "application/vnd.oci.image.manifest.v1+json";
const TEXT = JSON.stringify({ schemaVersion: 2, config: {}, layers: [] });

describe("manifest", () => {
  test("is read by tag and by digest, its digest computed", async () => {
    await using registry = await TestRegistry.start();
    const digest = registry.addManifest("a/b", "v1", TEXT, OCI);
    const { client } = testClient();
    const name = parseImageName(`${registry.host}/a/b`);
    const expected = { bytes: Buffer.from(TEXT), mediaType: OCI, digest };
    expect(await client.manifest(name, "v1", callWith())).toEqual(expected);
    expect(await client.manifest(name, digest, callWith())).toEqual(expected);
    expect(registry.seen.at(-1)?.headers.accept?.split(", ")).toHaveLength(6);
    expect(registry.seen.at(-1)?.headers["user-agent"]).toBe("test");
  });

  test.each([
    ["text/plain", JSON.stringify({ mediaType: "x/y", config: {} }), "x/y"],
    [undefined, TEXT, OCI],
    ["application/json", JSON.stringify({ manifests: [] }), "application/vnd.oci.image.index.v1+json"],
    [`${OCI}; charset=utf-8`, "{}", OCI],
  ])("with Content-Type %p and %s is %s", async (type, text, expected) => {
    await using registry = await TestRegistry.start();
    registry.addManifest("a", "v1", text, type);
    const manifest = await testClient().client.manifest(
      parseImageName(`${registry.host}/a`),
      "v1",
      callWith(),
    );
    expect(manifest.mediaType).toBe(expected);
  });

  test("that is not what the digest says is lost data", async () => {
    await using registry = await TestRegistry.start();
    const digest = sha256("something else");
    registry.addManifest("a", digest, TEXT, OCI);
    await expect(
      testClient().client.manifest(parseImageName(`${registry.host}/a`), digest, callWith()),
    ).rejects.toMatchObject({
      kind: "dataLoss",
      message: `manifest verification failed for digest ${digest}`,
    });
  });

  test("of schema 1 is refused with a sentence", async () => {
    await using registry = await TestRegistry.start();
    registry.addManifest("a", "v1", "{}", "application/vnd.docker.distribution.manifest.v1+prettyjws");
    registry.addManifest("a", "v2", '{"schemaVersion":1}', "application/json");
    const { client } = testClient();
    const name = parseImageName(`${registry.host}/a`);
    for (const tag of ["v1", "v2"]) {
      await expect(client.manifest(name, tag, callWith())).rejects.toMatchObject({
        kind: "invalid",
        message: expect.stringContaining(
          `schema 1 support has been removed. Suggest the author of ${registry.host}/a:${tag} `,
        ),
      });
    }
  });

  test("without end is cut off", async () => {
    await using registry = await TestRegistry.start((request, response) => {
      if (!request.url?.includes("manifests")) return false;
      const piece = Buffer.alloc(1 << 20, 32);
      const more = () => {
        while (!response.destroyed && response.write(piece));
      };
      response.on("drain", more);
      more();
      return true;
    });
    await expect(
      testClient().client.manifest(parseImageName(`${registry.host}/a`), "v1", callWith()),
    ).rejects.toMatchObject({
      kind: "invalid",
      message: expect.stringContaining("larger than 4194304 bytes"),
    });
  });

  test.each(["../x", "", "a/b", "sha256:short", "v1?x=y"])("refuses the reference %j", async (reference) => {
    await expect(
      testClient().client.manifest(parseImageName("localhost:1/a"), reference, callWith()),
    ).rejects.toMatchObject({ kind: "invalid" });
  });
});

describe("errors in Docker's words", () => {
  const cases: readonly (readonly [number, string, string, string, string])[] = [
    [
      404,
      "MANIFEST_UNKNOWN",
      "manifest unknown",
      "notFound",
      "manifest for HOST/a:v1 not found: manifest unknown: manifest unknown",
    ],
    [
      404,
      "NAME_UNKNOWN",
      "",
      "notFound",
      "repository HOST/a not found: name unknown: repository name not known to registry",
    ],
    [
      403,
      "DENIED",
      "requested access to the resource is denied",
      "denied",
      "pull access denied for HOST/a, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
    ],
    [
      401,
      "UNAUTHORIZED",
      "authentication required",
      "unauthenticated",
      "unauthorized: authentication required",
    ],
    [400, "WHAT_EVER", "so it is", "invalid", "what ever: so it is"],
  ];
  test.each(cases)("%d %s", async (status, code, message, kind, text) => {
    await using registry = await TestRegistry.start((request, response) => {
      if (!request.url?.includes("manifests")) return false;
      fail(response, status, code, message);
      return true;
    });
    await expect(
      testClient().client.manifest(parseImageName(`${registry.host}/a`), "v1", callWith()),
    ).rejects.toMatchObject({ kind, message: text.replaceAll("HOST", registry.host) });
  });

  const bodies: readonly (readonly [number, string, string, string])[] = [
    [404, "text/plain", "404 page not found\n", "unknown: 404 page not found"],
    [404, "application/json", "", 'error parsing HTTP 404 response body: invalid JSON: ""'],
    [403, "text/html", "no\u001b[31m", "denied: no [31m"],
    [404, "application/json", '{"details":"gone"}', "unknown: gone"],
    [401, "application/json", "[]", "unauthorized: authentication required"],
  ];
  test.each(bodies)("%d %s %j", async (status, type, body, text) => {
    await using registry = await TestRegistry.start((request, response) => {
      if (!request.url?.includes("manifests")) return false;
      response.writeHead(status, { "Content-Type": type }).end(body);
      return true;
    });
    await expect(
      testClient().client.manifest(parseImageName(`${registry.host}/a`), "v1", callWith()),
    ).rejects.toMatchObject({ message: expect.stringContaining(text) });
  });

  test("a 401 about scope is a refusal", async () => {
    await using registry = await TestRegistry.start((request, response) => {
      if (!request.url?.includes("manifests")) return false;
      response.setHeader("WWW-Authenticate", 'Bearer error="insufficient_scope"');
      fail(response, 401, "UNAUTHORIZED", "authentication required");
      return true;
    });
    await expect(
      testClient().client.manifest(parseImageName(`${registry.host}/a`), "v1", callWith()),
    ).rejects.toMatchObject({ kind: "denied", message: expect.stringContaining("pull access denied for") });
  });

  test("nobody listens", async () => {
    const registry = await TestRegistry.start();
    const { host } = registry;
    await registry[Symbol.asyncDispose]();
    await expect(
      testClient().client.manifest(parseImageName(`${host}/a`), "v1", callWith()),
    ).rejects.toMatchObject({
      kind: "unavailable",
      message: `Get "http://${host}/v2/": dial tcp ${host}: connect: connection refused`,
    });
  });
});

describe("pushManifest", () => {
  test("stores under a tag", async () => {
    await using registry = await TestRegistry.start();
    const manifest = { bytes: Buffer.from(TEXT), mediaType: OCI, digest: sha256(TEXT) };
    await testClient().client.pushManifest(parseImageName(`${registry.host}/a`), "v1", manifest, callWith());
    expect(registry.manifests.get("a:v1")).toEqual({ bytes: Buffer.from(TEXT), mediaType: OCI });
  });

  test("notices that the registry stored something else", async () => {
    await using registry = await TestRegistry.start((request, response) => {
      if (request.method !== "PUT") return false;
      response.writeHead(201, { "Docker-Content-Digest": sha256("other") }).end();
      return true;
    });
    const manifest = { bytes: Buffer.from(TEXT), mediaType: OCI, digest: sha256(TEXT) };
    await expect(
      testClient().client.pushManifest(parseImageName(`${registry.host}/a`), "v1", manifest, callWith()),
    ).rejects.toMatchObject({ kind: "dataLoss" });
  });
});

describe("tags", () => {
  test("of all pages, with the mirror's or the proxy's idea of the host ignored", async () => {
    await using registry = await TestRegistry.start((request, response) => {
      const { searchParams } = new URL(request.url ?? "", "http://x");
      const last = Number(searchParams.get("last") ?? 0);
      if (!request.url?.includes("tags")) return false;
      if (last < 3)
        response.setHeader("Link", `<http://elsewhere.example/v2/a/tags/list?last=${last + 1}>; rel="next"`);
      response.end(JSON.stringify({ tags: [`t${last}`] }));
      return true;
    });
    expect(await testClient().client.tags(parseImageName(`${registry.host}/a`), callWith())).toEqual([
      "t0",
      "t1",
      "t2",
      "t3",
    ]);
  });

  test("without end are refused", async () => {
    await using registry = await TestRegistry.start((request, response) => {
      if (!request.url?.includes("tags")) return false;
      response.setHeader("Link", '</v2/a/tags/list>; rel="next"');
      response.end('{"tags":null}');
      return true;
    });
    await expect(
      testClient().client.tags(parseImageName(`${registry.host}/a`), callWith()),
    ).rejects.toMatchObject({ kind: "invalid", message: expect.stringContaining("more than 1000 pages") });
  });

  test("of a repository that is not there", async () => {
    await using registry = await TestRegistry.start((request, response) => {
      if (!request.url?.includes("tags")) return false;
      fail(response, 404, "NAME_UNKNOWN", "repository name not known to registry");
      return true;
    });
    await expect(
      testClient().client.tags(parseImageName(`${registry.host}/a`), callWith()),
    ).rejects.toMatchObject({
      kind: "notFound",
      message: `repository ${registry.host}/a not found: name unknown: repository name not known to registry`,
    });
  });
});
