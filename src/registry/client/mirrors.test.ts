import { describe, expect, test } from "bun:test";
import { parseImageName } from "../../oci/reference.ts";
import { callWith, collect, testClient } from "./testing/test-client.ts";
import { fail, sha256, TestRegistry } from "./testing/test-registry.ts";

const OCI = "application/vnd.oci.image.manifest.v1+json";
const NAME = parseImageName("ghcr.io/a");

async function world() {
  const [origin, first, second] = await Promise.all([
    TestRegistry.start(),
    TestRegistry.start(),
    TestRegistry.start(),
  ]);
  const stack = new AsyncDisposableStack();
  for (const registry of [origin, first, second]) stack.use(registry);
  const registries = new Map([["ghcr.io", { mirrors: [`${first.url}/`, second.url], insecure: false }]]);
  return { origin, first, second, registries, stack, routes: { "https://ghcr.io": origin.url } };
}

describe("mirrors", () => {
  test("are asked in order, with the registry's name, before the registry", async () => {
    const { origin, first, second, registries, stack, routes } = await world();
    await using _ = stack;
    second.addManifest("a", "v1", "{}", OCI);
    const { client } = testClient({ registries }, routes);
    expect((await client.manifest(NAME, "v1", callWith({ username: "u", password: "p" }))).mediaType).toBe(
      OCI,
    );
    expect(first.lines).toEqual(["GET /v2/a/manifests/v1?ns=ghcr.io"]);
    expect(second.lines).toEqual(["GET /v2/a/manifests/v1?ns=ghcr.io"]);
    expect(origin.seen).toEqual([]);
  });

  test.each([404, 403, 401, 500, 429])("a mirror that answers %d is passed over", async (status) => {
    const { origin, first, registries, stack, routes } = await world();
    await using _ = stack;
    first.intercept = (_request, response) => {
      fail(response, status, "WHATEVER", "");
      return true;
    };
    origin.addManifest("a", "v1", "{}", OCI);
    const { client, waits } = testClient({ registries }, routes);
    expect((await client.manifest(NAME, "v1", callWith())).mediaType).toBe(OCI);
    expect(waits).toEqual([]);
  });

  test("a mirror with other bytes than the digest says is passed over", async () => {
    const { origin, first, registries, stack, routes } = await world();
    await using _ = stack;
    const digest = origin.addManifest("a", "v1", '{"real":1}', OCI);
    first.addManifest("a", digest, '{"forged":1}', OCI);
    const { client } = testClient({ registries }, routes);
    expect(String((await client.manifest(NAME, digest, callWith())).bytes)).toBe('{"real":1}');
  });

  test("a mirror that is gone is left alone for a while", async () => {
    const { origin, second, registries, stack, routes } = await world();
    await using _ = stack;
    second.intercept = (request) => {
      request.socket.destroy();
      return true;
    };
    origin.addManifest("a", "v1", "{}", OCI);
    const { client, clock } = testClient({ registries }, routes);
    await client.manifest(NAME, "v1", callWith());
    const asked = second.seen.length;
    expect(asked).toBeGreaterThan(0);
    await client.manifest(NAME, "v1", callWith());
    expect(second.seen).toHaveLength(asked);
    clock.now += 30_000;
    await client.manifest(NAME, "v1", callWith());
    expect(second.seen.length).toBeGreaterThan(asked);
  });

  test("a blob that breaks off at a mirror is continued elsewhere", async () => {
    const { origin, first, registries, stack, routes } = await world();
    await using _ = stack;
    const digest = origin.addBlob("a", "0123456789");
    first.intercept = (request, response) => {
      if (!request.url?.includes("blobs")) return false;
      response.writeHead(200, { "Content-Length": 10 }).write("01234", () => response.destroy());
      return true;
    };
    const { client } = testClient({ registries }, routes);
    const broken = await client.openBlob(NAME, digest, 0, callWith());
    await expect(collect(broken.body)).rejects.toMatchObject({ kind: "unavailable" });
    const rest = await client.openBlob(NAME, digest, 5, callWith());
    expect(String(await collect(rest.body))).toBe("56789");
    expect(origin.lines).toEqual([`GET /v2/a/blobs/${digest}`]);
  });

  test("the registry's own failure is the one that is reported", async () => {
    const { registries, stack, routes } = await world();
    await using _ = stack;
    await expect(
      testClient({ registries }, routes).client.manifest(NAME, "v1", callWith()),
    ).rejects.toMatchObject({
      kind: "notFound",
      message: "manifest for ghcr.io/a:v1 not found: manifest unknown: manifest unknown",
    });
  });

  test("see no credentials and no pushes", async () => {
    const { origin, first, second, registries, stack, routes } = await world();
    await using _ = stack;
    first.intercept = (request, response) => {
      if (request.headers.authorization !== undefined) return false;
      response.setHeader("WWW-Authenticate", "Basic realm=x");
      fail(response, 401, "UNAUTHORIZED", "");
      return true;
    };
    origin.addManifest("a", "v1", "{}", OCI);
    const { client } = testClient({ registries }, routes);
    const call = callWith({ username: "u", password: "p" });
    await client.manifest(NAME, "v1", call);
    expect([...first.seen, ...second.seen].some(({ headers }) => headers.authorization !== undefined)).toBe(
      false,
    );
    const before = first.seen.length + second.seen.length;
    await client.pushManifest(
      NAME,
      "v2",
      { bytes: Buffer.from("{}"), mediaType: OCI, digest: sha256("{}") },
      call,
    );
    expect(first.seen.length + second.seen.length).toBe(before);
    expect(origin.manifests.has("a:v2")).toBe(true);
  });

  test("of `*` are for registries without an entry, and a reload holds from the next call on", async () => {
    const { origin, first, second, stack, routes } = await world();
    await using _ = stack;
    for (const registry of [origin, first, second]) registry.addManifest("a", "v1", "{}", OCI);
    const entry = (url: string) => ({ mirrors: [url], insecure: false });
    const { client, hosts } = testClient({ registries: new Map([["*", entry(first.url)]]) }, routes);
    await client.manifest(NAME, "v1", callWith());
    expect([first.lines.length, second.lines.length, origin.lines.length]).toEqual([1, 0, 0]);
    hosts.replace({
      ...hosts.settings,
      registries: new Map([
        ["*", entry(first.url)],
        ["ghcr.io", entry(second.url)],
      ]),
    });
    await client.manifest(NAME, "v1", callWith());
    expect([first.lines.length, second.lines.length, origin.lines.length]).toEqual([1, 1, 0]);
    hosts.replace({ ...hosts.settings, registries: new Map() });
    await client.manifest(NAME, "v1", callWith());
    expect([first.lines.length, second.lines.length, origin.lines.length]).toEqual([1, 1, 1]);
  });
});
