import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { TestServer } from "./testing/test-server.ts";

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server[Symbol.asyncDispose]());

const auth = { username: "u", password: "p", serveraddress: "r:5000" };
const header = { "X-Registry-Auth": Buffer.from(JSON.stringify(auth)).toString("base64url") };
const lastCall = () => server.backends.calls.at(-1);
const messageOf = (body: string) => (JSON.parse(body) as { message: string }).message;

describe("POST /images/create?fromImage", () => {
  test("is a pull, with what the query and the header say", async () => {
    const query = "fromImage=r:5000/a&tag=b&platform=linux/arm64";
    const answer = await server.post(`/v1.50/images/create?${query}`, undefined, header);
    expect([answer.status, answer.body]).toEqual([200, '{"status":"pull begun"}\r\n']);
    expect(lastCall()?.with).toEqual([{ fromImage: "r:5000/a", tag: "b", platform: "linux/arm64", auth }]);
  });

  test("malformed credentials are none", async () => {
    await server.post("/images/create?fromImage=a", undefined, { "X-Registry-Auth": "%%%" });
    expect(lastCall()?.with).toEqual([{ fromImage: "a", tag: "", platform: undefined, auth: undefined }]);
  });

  test("an error before the first message has a status, a later one is a message", async () => {
    const missing = await server.post("/images/create?fromImage=missing");
    expect([missing.status, messageOf(missing.body)]).toEqual([404, "no such repository"]);
    const broken = await server.post("/images/create?fromImage=broken");
    expect(broken.status).toBe(200);
    expect(broken.body.split("\r\n").at(-2)).toBe(
      '{"errorDetail":{"message":"it broke off"},"error":"it broke off"}',
    );
  });
});

describe("POST /images/{name}/push", () => {
  test("takes names with slashes, and the platform since 1.46", async () => {
    for (const [version, platform] of [
      ["1.45", undefined],
      ["1.46", '{"os":"linux","architecture":"arm64"}'],
    ] as const) {
      const query = `tag=t&platform=${encodeURIComponent(platform ?? "x")}`;
      await server.post(`/v${version}/images/r:5000/a/b/push?${query}`, undefined, header);
      expect(lastCall()).toEqual({ what: "push", with: [{ name: "r:5000/a/b", tag: "t", platform, auth }] });
    }
  });

  test("takes credentials of the body, as old clients send them, and wants some", async () => {
    await server.post("/images/a/push", auth);
    expect(lastCall()?.with).toMatchObject([{ auth }]);
    const answer = await server.post("/images/a/push");
    expect([answer.status, messageOf(answer.body)]).toEqual([
      400,
      "bad parameters and missing X-Registry-Auth: invalid X-Registry-Auth header: EOF",
    ]);
  });
});

test("POST /auth", async () => {
  const good = await server.post("/auth", auth);
  expect([good.status, JSON.parse(good.body)]).toEqual([
    200,
    { IdentityToken: "", Status: "Login Succeeded" },
  ]);
  expect(lastCall()?.with).toEqual([auth]);
  expect((await server.post("/auth", { ...auth, password: "wrong" })).status).toBe(401);
});

test("GET /distribution/{name}/json", async () => {
  const answer = await server.ask("GET", "/distribution/r:5000/a/b:c/json", undefined, header);
  expect(answer.status).toBe(200);
  expect(lastCall()?.with).toEqual(["r:5000/a/b:c", auth]);
});

describe("GET /images/search", () => {
  test("passes term, limit and filters on", async () => {
    await server.get(`/images/search?term=x&limit=5&filters=${encodeURIComponent('{"stars":["3"]}')}`);
    expect(lastCall()?.with).toEqual(["x", { limit: 5, filters: [["stars", ["3"]]], auth: undefined }]);
  });

  test("a limit that is none", async () => {
    const answer = await server.get("/images/search?term=x&limit=a");
    expect([answer.status, messageOf(answer.body)]).toEqual([
      400,
      'invalid limit specified: strconv.Atoi: parsing "a": invalid syntax',
    ]);
  });
});
