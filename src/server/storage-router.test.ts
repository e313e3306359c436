import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { TestServer } from "./testing/test-server.ts";

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server[Symbol.asyncDispose]());

const lastCall = () => server.backends.calls.at(-1);
const messageOf = (body: string) => (JSON.parse(body) as { message: string }).message;
const JSON_BODY = { "Content-Type": "application/json" };

describe("GET /system/df", () => {
  test("asks for all kinds, for some since 1.42", async () => {
    await server.get("/v1.50/system/df");
    expect(lastCall()?.with).toEqual([["build-cache", "container", "image", "volume"]]);
    await server.get("/v1.42/system/df?type=container&type=volume");
    expect(lastCall()?.with).toEqual([["container", "volume"]]);
    await server.get("/v1.41/system/df?type=container");
    expect(lastCall()?.with).toEqual([["build-cache", "container", "image", "volume"]]);
    const wrong = await server.get("/v1.50/system/df?type=socks");
    expect([wrong.status, messageOf(wrong.body)]).toEqual([400, "unknown object type: socks"]);
  });

  test("what was not asked for is null; images are shown as the version knows them", async () => {
    const some = JSON.parse((await server.get("/v1.50/system/df?type=container")).body) as object;
    expect(some).toEqual({ LayersSize: 0, Images: null, Containers: null, Volumes: null, BuildCache: null });
    const imageOf = async (version: string) => {
      const answer = JSON.parse((await server.get(`/v${version}/system/df`)).body) as { Images: object[] };
      return answer.Images[0];
    };
    expect(await imageOf("1.44")).not.toHaveProperty("VirtualSize");
    expect(await imageOf("1.43")).toMatchObject({ VirtualSize: 9, RepoTags: [] });
    expect(await imageOf("1.24")).toMatchObject({ VirtualSize: 9, RepoTags: ["<none>:<none>"] });
  });
});

describe("POST /images/prune", () => {
  const filters = `filters=${encodeURIComponent('{"dangling":{"false":true}}')}`;

  test("at once, as a plan, and by a plan", async () => {
    await server.post(`/images/prune?${filters}`);
    expect(lastCall()).toEqual({ what: "pruneImages", with: [[["dangling", ["false"]]]] });
    const plan = await server.post(`/images/prune?dry-run=1&${filters}`);
    expect([plan.status, (JSON.parse(plan.body) as { Id: string }).Id]).toEqual([200, "p"]);
    await server.post("/images/prune", { Plan: "p" }, JSON_BODY);
    expect(lastCall()).toEqual({ what: "applyPrunePlan", with: ["p"] });
  });

  test("a plan is carried out as it is", async () => {
    const answer = await server.post(`/images/prune?${filters}`, { Plan: "p" }, JSON_BODY);
    expect([answer.status, messageOf(answer.body)]).toEqual([
      400,
      "a plan is carried out as it is: give no filters and no dry-run with it",
    ]);
  });
});

test("pins, also of names with slashes", async () => {
  expect((await server.ask("PUT", "/berth/images/r:5000/a/b:1/pin")).status).toBe(204);
  expect(lastCall()).toEqual({ what: "pin", with: ["r:5000/a/b:1"] });
  expect((await server.ask("DELETE", "/v1.50/berth/images/a/pin")).status).toBe(204);
  expect(lastCall()).toEqual({ what: "unpin", with: ["a"] });
  expect(JSON.parse((await server.get("/berth/images/pins")).body)).toEqual([
    { Id: "sha256:a", Names: ["a:1"] },
  ]);
});

describe("JSON lines", () => {
  test("an error before the first line has a status, a later one is the last line", async () => {
    const missing = await server.get("/berth/images/missing/layers");
    expect([missing.status, messageOf(missing.body)]).toEqual([404, "No such image: missing:latest"]);
    const broken = await server.get("/berth/images/diff?from=a&to=broken");
    expect(
      broken.body
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as object),
    ).toEqual([
      { Kind: "error", Message: "the first line" },
      { Kind: "error", Message: "it broke off" },
    ]);
  });

  test("parameters", async () => {
    await server.get("/berth/images/a/b/layers?files=1&limit=7");
    expect(lastCall()).toEqual({ what: "layers", with: ["a/b", { files: true, limit: 7 }] });
    await server.get("/berth/images/diff?from=a&to=b&after=/x");
    expect(lastCall()).toEqual({ what: "diff", with: ["a", "b", { limit: 100_000, after: "/x" }] });
    await server.post("/berth/storage/scrub?repair=1&snapshots=0");
    expect(lastCall()).toEqual({ what: "scrub", with: [{ repair: true, snapshots: false }] });
    for (const query of ["from=a", "from=a&to=b&limit=0", "from=a&to=b&limit=x"]) {
      expect((await server.get(`/berth/images/diff?${query}`)).status).toBe(400);
    }
  });
});
