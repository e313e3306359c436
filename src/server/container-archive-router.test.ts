import { afterEach, beforeEach, expect, test } from "bun:test";
import { TestServer } from "./testing/test-server.ts";

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server[Symbol.asyncDispose]());

const lastCall = () => server.backends.calls.at(-1);
const STAT = { name: "a", size: 3, mode: 0o644, mtime: "2026-01-01T00:00:00Z", linkTarget: "" };
const statOf = (headers: NodeJS.Dict<string | string[]>) =>
  JSON.parse(Buffer.from(String(headers["x-docker-container-path-stat"]), "base64").toString());

test("HEAD has the stat and no body, GET both", async () => {
  const head = await server.ask("HEAD", "/v1.50/containers/c/archive?path=/a");
  expect([head.status, head.body]).toEqual([200, ""]);
  expect(statOf(head.headers)).toEqual(STAT);
  const get = await server.get("/containers/c/archive?path=/a");
  expect([get.status, get.body, get.headers["content-type"]]).toEqual([200, "tar", "application/x-tar"]);
  expect(statOf(get.headers)).toEqual(STAT);
  expect((await server.ask("HEAD", "/containers/c/archive?path=/missing")).status).toBe(404);
});

test("PUT hands the body on, with its flags", async () => {
  const query = "path=/to&noOverwriteDirNonDir=true&copyUIDGID=1";
  const put = await server.ask("PUT", `/containers/c/archive?${query}`, "the tar", {
    "Content-Type": "application/x-tar",
  });
  expect([put.status, put.body]).toEqual([200, ""]);
  expect(lastCall()).toEqual({
    what: "putArchive",
    with: ["c", "/to", { noOverwriteDirNonDir: true, copyUidGid: true }, "the tar"],
  });
});

test.each(["GET", "HEAD", "PUT"])("%s needs a path", async (method) => {
  expect((await server.ask(method, "/containers/c/archive")).status).toBe(400);
});

test("export and changes", async () => {
  const exported = await server.get("/containers/c/export");
  expect([exported.status, exported.body]).toEqual([200, "exported"]);
  expect((await server.get("/containers/c/changes")).body).toBe('[{"Path":"/a","Kind":1}]\n');
  expect((await server.get("/containers/unchanged/changes")).body).toBe("null\n");
});

test("commit pauses unless it is told not to, and reads a config that may be absent", async () => {
  const answer = await server.post(
    "/v1.50/commit?container=c&repo=r&tag=t&author=a&comment=m&changes=ENV%20a%3Db&changes=CMD%20x",
  );
  expect([answer.status, answer.body]).toEqual([201, `{"Id":"sha256:${"1".repeat(64)}"}\n`]);
  const options = { repo: "r", tag: "t", author: "a", comment: "m", changes: ["ENV a=b", "CMD x"] };
  expect(lastCall()).toEqual({ what: "commit", with: ["c", { ...options, pause: true, config: undefined }] });
  await server.post("/commit?container=c&pause=0", { Cmd: ["x"], HostConfig: { Privileged: true } });
  expect(lastCall()?.with[1]).toMatchObject({ pause: false, config: { Cmd: ["x"] } });
  expect(lastCall()?.with[1]).not.toHaveProperty("config.HostConfig");
  expect((await server.post("/commit")).status).toBe(400);
});

test("images are saved by one name or several, also for clients of API 1.22", async () => {
  const one = await server.get("/v1.22/images/host:5000/a/b:1/get");
  expect([one.status, one.body, one.headers["content-type"]]).toEqual([200, "archive", "application/x-tar"]);
  expect(lastCall()).toEqual({ what: "save", with: [["host:5000/a/b:1"], undefined] });
  const platform = encodeURIComponent('{"os":"linux","architecture":"arm64","variant":"v8"}');
  await server.get(`/v1.50/images/get?names=a&names=b&platform=${platform}`);
  expect(lastCall()?.with[0]).toEqual(["a", "b"]);
  expect(lastCall()?.with[1]).toMatchObject({ os: "linux", architecture: "arm64" });
  expect((await server.get("/v1.50/images/get?names=a&platform=%7B")).status).toBe(400);
  expect(
    (await server.get("/v1.50/images/get?names=a&platform=linux%2Famd64&platform=linux%2Farm64")).status,
  ).toBe(400);
  expect((await server.get("/v1.22/images/json")).status).toBe(400);
});
