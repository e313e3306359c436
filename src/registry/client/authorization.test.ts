import { describe, expect, test } from "bun:test";
import { parseImageName } from "../../oci/reference.ts";
import { callWith, collect, testClient } from "./testing/test-client.ts";
import { fail, json, TestRegistry } from "./testing/test-registry.ts";
import { type TokenRule, TokenServer } from "./testing/token-server.ts";

const USER = { username: "user", password: "p:w" };
const OCI = "application/vnd.oci.image.manifest.v1+json";
const EXAMPLE = "https://registry.example";

/** registry.example, as far as the client knows; its token server is at the rule's realm. */
async function protectedRegistry(rule: TokenRule) {
  const tokens = new TokenServer(rule);
  const registry = await TestRegistry.start(tokens.intercept);
  registry.addManifest("a", "v1", "{}", OCI);
  const routes = {
    [EXAMPLE]: registry.url,
    "https://auth.example": registry.url,
    "http://auth.example": registry.url,
    "http://registry.example": registry.url,
  };
  return { tokens, registry, routes, name: parseImageName("registry.example/a") };
}

describe("tokens", () => {
  test("anonymous, one for all requests of one scope", async () => {
    const { tokens, registry, routes, name } = await protectedRegistry({
      realm: "https://auth.example/token",
    });
    await using _ = registry;
    const { client } = testClient({}, routes);
    await Promise.all([client.manifest(name, "v1", callWith()), client.manifest(name, "v1", callWith())]);
    await client.manifest(name, "v1", callWith());
    expect(tokens.asked).toEqual([{ method: "GET", scopes: ["repository:a:pull"], proof: "" }]);
  });

  test("with user and password, which the registry itself never sees", async () => {
    const { tokens, registry, routes, name } = await protectedRegistry({
      realm: "https://auth.example/token",
      user: "user",
      password: "p:w",
    });
    await using _ = registry;
    const { client } = testClient({}, routes);
    await client.manifest(name, "v1", callWith(USER));
    expect(tokens.asked.map(({ proof }) => proof)).toEqual([`Basic ${btoa("user:p:w")}`]);
    const elsewhere = registry.seen.filter(({ url }) => !url.startsWith("/token"));
    expect(elsewhere.some(({ headers }) => headers.authorization?.startsWith("Basic"))).toBe(false);
  });

  test("another user gets another token, and a wrong password none", async () => {
    const { registry, routes, name } = await protectedRegistry({
      realm: "https://auth.example/token",
      user: "user",
      password: "p:w",
    });
    await using _ = registry;
    const { client } = testClient({}, routes);
    await client.manifest(name, "v1", callWith(USER));
    for (const credentials of [{ ...USER, password: "no" }, undefined]) {
      await expect(client.manifest(name, "v1", callWith(credentials))).rejects.toMatchObject({
        kind: "unauthenticated",
        message: `Get "${EXAMPLE}/v2/a/manifests/v1": unauthorized: incorrect username or password`,
      });
    }
  });

  test("are asked for anew when they have expired or were revoked", async () => {
    const { tokens, registry, routes, name } = await protectedRegistry({
      realm: "https://auth.example/token",
      expiresInS: 100,
    });
    await using _ = registry;
    const { client, clock } = testClient({}, routes);
    await client.manifest(name, "v1", callWith());
    clock.now += 99_000;
    await client.manifest(name, "v1", callWith());
    expect(tokens.asked).toHaveLength(1);
    clock.now += 1000;
    await client.manifest(name, "v1", callWith());
    expect(tokens.asked).toHaveLength(2);
    tokens.revoke();
    await client.manifest(name, "v1", callWith());
    expect(tokens.asked).toHaveLength(3);
  });

  test("a registry that refuses every token is asked twice, not for ever", async () => {
    const { tokens, registry, routes, name } = await protectedRegistry({
      realm: "https://auth.example/token",
    });
    await using _ = registry;
    const inner = registry.intercept;
    registry.intercept = (request, response) => {
      tokens.revoke();
      return inner(request, response);
    };
    await expect(testClient({}, routes).client.manifest(name, "v1", callWith())).rejects.toMatchObject({
      kind: "unauthenticated",
      message: "unauthorized: authentication required",
    });
    expect(registry.lines.filter((line) => line.includes("manifests"))).toHaveLength(2);
  });

  test("an identity token goes by POST", async () => {
    const { tokens, registry, routes, name } = await protectedRegistry({
      realm: "https://auth.example/token",
      identityToken: "secret-identity",
      user: "x",
      password: "y",
    });
    await using _ = registry;
    await testClient({}, routes).client.manifest(name, "v1", callWith({ identityToken: "secret-identity" }));
    const [{ method, proof, scopes } = { method: "", proof: "", scopes: [] }] = tokens.asked;
    expect([method, scopes]).toEqual(["POST", ["repository:a:pull"]]);
    expect(Object.fromEntries(new URLSearchParams(proof))).toMatchObject({
      grant_type: "refresh_token",
      refresh_token: "secret-identity",
      service: "test",
    });
  });

  test("a server without GET gets the password by POST", async () => {
    const rule = { realm: "https://auth.example/token", user: "user", password: "p:w", postOnly: true };
    const { tokens, registry, routes, name } = await protectedRegistry(rule);
    await using _ = registry;
    await testClient({}, routes).client.manifest(name, "v1", callWith(USER));
    expect(tokens.asked.map(({ method }) => method)).toEqual(["GET", "POST"]);
  });

  test("a registry token is sent as it is", async () => {
    const { tokens, registry, routes, name } = await protectedRegistry({
      realm: "https://auth.example/token",
    });
    await using _ = registry;
    await expect(
      testClient({}, routes).client.manifest(name, "v1", callWith({ registryToken: "mine" })),
    ).rejects.toMatchObject({ kind: "unauthenticated" });
    expect(tokens.asked).toEqual([]);
    expect(registry.seen.at(-1)?.headers.authorization).toBe("Bearer mine");
    await expect(
      testClient({}, routes).client.manifest(name, "v1", callWith({ registryToken: "a\r\nX: y" })),
    ).rejects.toMatchObject({ kind: "invalid" });
  });
});

describe("hostile registries", () => {
  test("do not get a password in plain text, wherever they say", async () => {
    const { tokens, registry, routes, name } = await protectedRegistry({
      realm: "http://auth.example/token",
    });
    await using _ = registry;
    for (const credentials of [USER, { identityToken: "x" }]) {
      await expect(
        testClient({}, routes).client.manifest(name, "v1", callWith(credentials)),
      ).rejects.toMatchObject({ kind: "denied", message: expect.stringContaining("unencrypted") });
    }
    expect(tokens.asked).toEqual([]);
    await testClient({}, routes).client.manifest(name, "v1", callWith());
    expect(tokens.asked).toHaveLength(1);
  });

  test("in plain text themselves may have their token server there too", async () => {
    const { tokens, registry, routes } = await protectedRegistry({ realm: "http://auth.example/token" });
    await using _ = registry;
    await testClient({}, routes).client.manifest(parseImageName(`${registry.host}/a`), "v1", callWith(USER));
    expect(tokens.asked).toHaveLength(1);
  });

  test.each(["file:///etc/passwd", "ftp://x/", "/token", ""])(
    "cannot make %j a token server",
    async (realm) => {
      const { registry, routes, name } = await protectedRegistry({ realm });
      await using _ = registry;
      await expect(testClient({}, routes).client.manifest(name, "v1", callWith(USER))).rejects.toMatchObject({
        kind: "invalid",
      });
    },
  );

  test.each([
    ["a token of two lines", JSON.stringify({ token: "a\r\nX-Evil: 1" }), "invalid"],
    ["no token", "{}", "unauthenticated"],
    ["no JSON", "<html>", "invalid"],
    ["two megabytes", JSON.stringify({ token: "x".repeat(2 << 20) }), "invalid"],
  ])("%s", async (_what, body, kind) => {
    const { registry, routes, name } = await protectedRegistry({ realm: "https://auth.example/token" });
    await using _registry = registry;
    const inner = registry.intercept;
    registry.intercept = (request, response) => {
      if (!request.url?.startsWith("/token")) return inner(request, response);
      response.end(body);
      return true;
    };
    await expect(testClient({}, routes).client.manifest(name, "v1", callWith())).rejects.toMatchObject({
      kind,
    });
  });

  test("that redirect blobs elsewhere do not take the credentials along", async () => {
    const { registry, routes, name } = await protectedRegistry({ realm: "https://auth.example/token" });
    await using _ = registry;
    await using storage = await TestRegistry.start((_request, response) => {
      response.end("the bytes");
      return true;
    });
    const digest = registry.addBlob("a", "the bytes");
    const inner = registry.intercept;
    registry.intercept = async (request, response) => {
      const done = await inner(request, response);
      if (done || !request.url?.includes("/blobs/")) return done;
      response.writeHead(307, { Location: "https://u:p@storage.example/bytes?signature=1" }).end();
      return true;
    };
    const { client } = testClient({}, { ...routes, "https://storage.example": storage.url });
    const blob = await client.openBlob(name, digest, 0, callWith());
    expect(String(await collect(blob.body))).toBe("the bytes");
    expect(storage.seen.map(({ url, headers }) => [url, headers.authorization])).toEqual([
      ["/bytes?signature=1", undefined],
    ]);
    const asked = registry.seen.findLast(({ url }) => url.includes("/blobs/"));
    expect(asked?.headers.authorization).toMatch(/^Bearer /);
  });

  test.each(["file:///etc/shadow", "gopher://x/", "http://["])("cannot redirect to %s", async (location) => {
    await using registry = await TestRegistry.start((request, response) => {
      if (!request.url?.includes("/blobs/")) return false;
      response.writeHead(302, { Location: location }).end();
      return true;
    });
    await expect(
      testClient().client.openBlob(
        parseImageName(`${registry.host}/a`),
        `sha256:${"0".repeat(64)}`,
        0,
        callWith(),
      ),
    ).rejects.toMatchObject({ kind: "invalid", message: expect.stringContaining("refused") });
  });

  test("cannot send anyone in circles", async () => {
    await using registry = await TestRegistry.start((request, response) => {
      if (!request.url?.includes("/blobs/")) return false;
      response.writeHead(302, { Location: `${request.url}x` }).end();
      return true;
    });
    await expect(
      testClient().client.openBlob(
        parseImageName(`${registry.host}/a`),
        `sha256:${"0".repeat(64)}`,
        0,
        callWith(),
      ),
    ).rejects.toMatchObject({
      kind: "invalid",
      message: expect.stringContaining("stopped after 10 redirects"),
    });
    expect(registry.lines).toHaveLength(11);
  });
});

describe("Basic", () => {
  const basicRegistry = () =>
    TestRegistry.start((request, response) => {
      if (request.headers.authorization === `Basic ${btoa("user:p:w")}`) return false;
      response.setHeader("WWW-Authenticate", 'Basic realm="x"');
      fail(response, 401, "UNAUTHORIZED", "authentication required");
      return true;
    });

  test("with, without and with wrong credentials", async () => {
    await using registry = await basicRegistry();
    registry.addManifest("a", "v1", "{}", OCI);
    const { client } = testClient();
    const name = parseImageName(`${registry.host}/a`);
    expect((await client.manifest(name, "v1", callWith(USER))).mediaType).toBe(OCI);
    await expect(client.manifest(name, "v1", callWith())).rejects.toMatchObject({
      kind: "unauthenticated",
      message: `Get "${registry.url}/v2/a/manifests/v1": no basic auth credentials`,
    });
    await expect(
      client.manifest(name, "v1", callWith({ username: "user", password: "no" })),
    ).rejects.toMatchObject({ kind: "unauthenticated", message: "unauthorized: authentication required" });
  });

  test("login", async () => {
    await using registry = await basicRegistry();
    const { client } = testClient();
    expect(await client.login(`http://${registry.host}/v1/`, callWith(USER))).toEqual({
      identityToken: undefined,
    });
    await expect(
      client.login(registry.host, callWith({ username: "user", password: "no" })),
    ).rejects.toMatchObject({
      kind: "unauthenticated",
      message: `Get "${registry.url}/v2/": unauthorized: authentication required`,
    });
  });
});

describe("login", () => {
  test("to the Hub by its old address gives an identity token", async () => {
    const { registry, tokens } = await protectedRegistry({
      realm: "https://auth.docker.io/token",
      user: "user",
      password: "p:w",
    });
    await using _ = registry;
    const routes = { "https://registry-1.docker.io": registry.url, "https://auth.docker.io": registry.url };
    const { client } = testClient({}, routes);
    expect(await client.login("https://index.docker.io/v1/", callWith(USER))).toEqual({
      identityToken: "identity-of-user",
    });
    await expect(client.login("", callWith({ ...USER, password: "no" }))).rejects.toMatchObject({
      kind: "unauthenticated",
      message: 'Get "https://registry-1.docker.io/v2/": unauthorized: incorrect username or password',
    });
    expect(tokens.asked).toHaveLength(2);
  });

  test.each(["a b", "x/../y@z:::", "https://"])("to %j", async (address) => {
    const { client } = testClient();
    if (address === "https://") return;
    await expect(client.login(address, callWith(USER))).rejects.toMatchObject({ name: "EngineError" });
  });
});

describe("search", () => {
  test("the Hub's index, with the password where there is one", async () => {
    await using hub = await TestRegistry.start((request, response) => {
      if (!request.url?.startsWith("/v1/search")) return false;
      json(response, 200, {
        results: [
          { name: "alpine", description: "small", star_count: 9, is_official: true, is_automated: true },
          { name: "x/y", description: null },
        ],
      });
      return true;
    });
    const { client } = testClient({}, { "https://index.docker.io": hub.url });
    expect(await client.search("docker.io", "library/alpine", 0, callWith())).toEqual([
      { name: "alpine", description: "small", starCount: 9, isOfficial: true, isAutomated: false },
      { name: "x/y", description: "", starCount: 0, isOfficial: false, isAutomated: false },
    ]);
    expect(hub.lines).toEqual(["GET /v1/search?q=alpine&n=25"]);
    expect(await client.search("docker.io", "x", 1, callWith(USER))).toHaveLength(1);
    expect(hub.seen.at(-1)?.headers.authorization).toBe(`Basic ${btoa("user:p:w")}`);
    await expect(client.search("docker.io", "x", 101, callWith())).rejects.toMatchObject({
      kind: "invalid",
      message: "limit 101 is outside the range of [1, 100]",
    });
  });

  test("a registry without search is searched by its catalog", async () => {
    await using registry = await TestRegistry.start((request, response) => {
      if (!request.url?.startsWith("/v2/_catalog")) return false;
      const second = request.url.includes("last");
      json(
        response,
        200,
        { repositories: second ? ["other", "my/busybox"] : ["busybox", "alpine"] },
        second ? {} : { Link: '</v2/_catalog?last=x>; rel="next"' },
      );
      return true;
    });
    const found = await testClient().client.search(registry.host, "busy", 10, callWith());
    expect(found.map(({ name }) => name)).toEqual(["busybox", "my/busybox"]);
    expect(await testClient().client.search(registry.host, "busy", 1, callWith())).toHaveLength(1);
  });
});
