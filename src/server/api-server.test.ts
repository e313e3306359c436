import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ROUTES } from "../api/routes.ts";
import { FrameDecoder } from "../api/stream-frames.ts";
import { TestServer } from "./testing/test-server.ts";

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server[Symbol.asyncDispose]());

const messageOf = (body: string) => (JSON.parse(body) as { message: string }).message;
/** The last call that reached the backends. */
const lastCall = () => server.backends.calls.at(-1);

describe("every answer", () => {
  test("has Docker's headers", async () => {
    const { headers, body, status } = await server.get("/_ping");
    expect([status, body]).toEqual([200, "OK"]);
    expect(headers).toMatchObject({
      "api-version": "1.50",
      "docker-experimental": "false",
      ostype: "linux",
      server: "Berth/9.9.9 (linux)",
      "builder-version": "1",
      swarm: "inactive",
      "cache-control": "no-cache, no-store, must-revalidate",
      pragma: "no-cache",
      "content-type": "text/plain; charset=utf-8",
    });
    expect((await server.get("/nonsense")).headers).toMatchObject({ "api-version": "1.50", ostype: "linux" });
  });

  test("HEAD /_ping has no body", async () => {
    using client = server.connect();
    client.send("HEAD /v1.43/_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n");
    expect(await client.untilEnd()).toMatch(
      /^HTTP\/1.1 200 OK\r\n(.*\r\n)*Content-Length: 0\r\n(.*\r\n)*\r\n$/,
    );
  });

  test("names an unknown path or method", async () => {
    for (const [method, path] of [
      ["GET", "/nope"],
      ["PUT", "/info"],
      ["GET", "/v1.99/nope"],
    ] as const) {
      const answer = await server.ask(method, path);
      expect([answer.status, messageOf(answer.body)]).toEqual([404, "page not found"]);
    }
  });

  test("refuses versions out of range", async () => {
    const newer = await server.get("/v1.99/info");
    expect(newer.status).toBe(400);
    expect(messageOf(newer.body)).toBe(
      "client version 1.99 is too new. Maximum supported API version is 1.50",
    );
    const older = await server.get("/v1.12/info");
    expect(older.status).toBe(400);
    expect(older.headers["content-type"]).toBe("text/plain; charset=utf-8");
    expect(older.body).toStartWith("client version 1.12 is too old. Minimum supported API version is 1.24");
  });

  test("says what is not available, for every known endpoint that is not served", async () => {
    const missing: string[] = [];
    for (const route of Object.values(ROUTES)) {
      const [method = "", pattern = ""] = route.split(" ");
      if (
        !/^\/(networks|volumes|build|swarm|services|plugins|session|grpc|nodes|tasks|secrets)/.test(pattern)
      )
        continue;
      const answer = await server.ask(method, pattern.replace(/\{\w+\}/g, "x"));
      // A network, volume or plugin of that name cannot be there, and inspecting it says so.
      const isAbsent = answer.status === 404 && /not found|no such/.test(messageOf(answer.body));
      const isRefused =
        answer.status === 501 && messageOf(answer.body).endsWith("not available yet in berth");
      const inspects = /^GET \/(networks|volumes|plugins)\/\{/.test(route);
      if (!(inspects ? isAbsent : isRefused)) missing.push(route);
    }
    expect(missing).toEqual([]);
    expect(messageOf((await server.get("/networks")).body)).toBe("networks are not available yet in berth");
  });

  test("logs our own failures once, not the client's", async () => {
    expect((await server.get("/containers/missing/json")).status).toBe(404);
    expect(server.errors).toEqual([]);
    const answer = await server.get("/containers/broken/json");
    expect([answer.status, messageOf(answer.body)]).toEqual([500, "a broken pipe somewhere"]);
    expect(server.errors).toEqual(["Handler for GET /containers/broken/json returned error"]);
  });
});

describe("containers", () => {
  test("are created from their JSON", async () => {
    const request = { Image: "busybox", Cmd: ["true"], HostConfig: { PidsLimit: -1, KernelMemory: 7 } };
    const answer = await server.post("/v1.43/containers/create?name=web&platform=linux/amd64", request);
    expect([answer.status, JSON.parse(answer.body)]).toEqual([201, { Id: "a".repeat(64), Warnings: [] }]);
    expect(lastCall()?.with).toEqual([
      { Image: "busybox", Cmd: ["true"], HostConfig: { PidsLimit: null } },
      { name: "web", platform: "linux/amd64" },
    ]);
  });

  test.each([
    [
      "no content type",
      "{}",
      { "Content-Type": "" },
      "malformed Content-Type header (): mime: no media type",
    ],
    [
      "another type",
      "{}",
      { "Content-Type": "text/plain" },
      "unsupported Content-Type header (text/plain): must be 'application/json'",
    ],
    ["an empty body", "", { "Content-Length": "0" }, "invalid JSON: got EOF while reading request body"],
    ["broken JSON", '{"Image":', {}, "invalid JSON: "],
    [
      "a wrong type",
      { Image: 1 },
      {},
      "invalid JSON: json: cannot unmarshal number into Go struct field CreateRequest.Image of type string",
    ],
    ["no config", {}, {}, "config cannot be empty in order to create a container"],
    ["null", "null", {}, "config cannot be empty in order to create a container"],
    ["host settings only", { HostConfig: {} }, {}, "config cannot be empty in order to create a container"],
    [
      "a misplaced option",
      { Image: "a", HostConfig: { Mounts: [{ Type: "bind", TmpfsOptions: {} }] } },
      {},
      'TmpfsOptions must not be specified on mount type "bind"',
    ],
  ] as const)("are not created from %s", async (_, body, headers, message) => {
    const answer = await server.post("/containers/create", body, headers);
    expect(answer.status).toBe(400);
    expect(messageOf(answer.body)).toStartWith(message);
    expect(server.backends.calls).toEqual([]);
  });

  test("are not created from a body that is too large or ends early", async () => {
    const large = await server.post("/containers/create", `{"Image":"${"a".repeat(4 << 20)}"}`);
    expect([large.status, messageOf(large.body)]).toEqual([400, "request body is larger than 4194304 bytes"]);
    using client = server.connect();
    const head =
      "POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n";
    client.send(`${head}{"Image":"busybox"}`).endInput();
    await client.untilEnd();
    expect(server.backends.calls).toEqual([]);
  });

  test("start, also with the small bodies of careful clients", async () => {
    expect(await server.post("/containers/c/start")).toMatchObject({ status: 204, body: "" });
    expect((await server.post("/containers/c/start", "{}")).status).toBe(204);
    expect(await server.post("/containers/running/start")).toMatchObject({ status: 304, body: "" });
    const body = await server.post("/containers/c/start", { Binds: ["/:/host"] });
    expect([body.status, messageOf(body.body)]).toEqual([400, expect.stringContaining("removed in v1.24")]);
    const missing = await server.post("/containers/missing/start");
    expect([missing.status, messageOf(missing.body)]).toEqual([404, "No such container: missing"]);
  });

  test("stop with a time and a signal", async () => {
    await server.post("/containers/c/stop?t=3&signal=SIGINT");
    expect(lastCall()).toEqual({ what: "stop", with: ["c", { timeoutSeconds: 3, signal: "SIGINT" }] });
    await server.post("/v1.41/containers/c/restart?t=-1&signal=SIGINT");
    expect(lastCall()?.with).toEqual(["c", { timeoutSeconds: -1, signal: undefined }]);
    const bad = await server.post("/containers/c/stop?t=soon");
    expect([bad.status, messageOf(bad.body)]).toEqual([400, 'strconv.Atoi: parsing "soon": invalid syntax']);
  });

  test("are killed, renamed, resized, paused and removed", async () => {
    await server.post("/containers/c/kill?signal=HUP");
    expect(lastCall()?.with).toEqual(["c", "HUP"]);
    const missing = await server.post("/containers/missing/kill");
    expect(messageOf(missing.body)).toBe("cannot kill container: missing: No such container: missing");
    expect((await server.post("/containers/c/rename?name=d")).status).toBe(204);
    expect(lastCall()?.with).toEqual(["c", "d"]);
    expect((await server.post("/containers/c/resize?h=24&w=80")).status).toBe(200);
    expect(lastCall()?.with).toEqual(["c", 24, 80]);
    expect(messageOf((await server.post("/containers/c/resize?h=x&w=80")).body)).toBe(
      'invalid resize height "x": invalid syntax',
    );
    expect((await server.post("/containers/c/pause")).status).toBe(204);
    expect((await server.ask("DELETE", "/containers/a%2Fb?force=1&v=true")).status).toBe(204);
    expect(lastCall()?.with).toEqual(["a/b", { force: true, volumes: true, link: false }]);
  });

  test("are listed by filters; older clients miss newer fields", async () => {
    const filters = encodeURIComponent('{"label":{"a":true}}');
    const newer = await server.get(`/containers/json?limit=-1&filters=${filters}&before=x`);
    expect(lastCall()?.with).toEqual([
      {
        all: false,
        limit: 0,
        size: false,
        filters: [
          ["label", ["a"]],
          ["before", ["x"]],
        ],
      },
    ]);
    expect(JSON.parse(newer.body)[0].HostConfig).toEqual({ NetworkMode: "none", Annotations: { a: "b" } });
    const older = await server.get("/v1.45/containers/json?limit=2");
    expect(lastCall()?.with).toMatchObject([{ all: true, limit: 2 }]);
    expect(JSON.parse(older.body)[0].HostConfig).toEqual({ NetworkMode: "none" });
    expect(messageOf((await server.get("/containers/json?filters=x")).body)).toBe("invalid filter");
  });
});

describe("streams", () => {
  test("the head of a wait leaves before its result", async () => {
    using client = server.connect();
    client.send("POST /v1.43/containers/c/wait?condition=removed HTTP/1.1\r\nHost: d\r\n\r\n");
    const head = await client.until("\r\n\r\n");
    expect(head).toContain("200 OK");
    expect(client.body.length).toBe(0);
    server.backends.exits.resolve({ StatusCode: 3 });
    await client.until('{"StatusCode":3}');
    expect(messageOf((await server.post("/containers/c/wait?condition=later")).body)).toBe(
      'invalid condition: "later"',
    );
    expect((await server.post("/containers/missing/wait")).status).toBe(404);
  });

  test("a wait is given up when its client goes away", async () => {
    const client = server.connect().send("POST /containers/c/wait HTTP/1.1\r\nHost: d\r\n\r\n");
    await client.until("\r\n\r\n");
    const [signal] = server.backends.signals;
    const aborted = new Promise((resolve) => signal?.addEventListener("abort", resolve));
    expect(signal?.aborted).toBe(false);
    client.vanish();
    await aborted;
  });

  test("logs are framed unless there is a terminal", async () => {
    server.backends.logEntries = [
      { stream: "stdout", data: Buffer.from("one\n") },
      { stream: "stderr", data: Buffer.from("two\n") },
    ];
    const query = "stdout=1&stderr=1&tail=5&since=1.5&until=0&timestamps=1";
    const framed = await server.get(`/v1.43/containers/c/logs?${query}`);
    expect(framed.headers["content-type"]).toBe("application/vnd.docker.multiplexed-stream");
    const frames = new FrameDecoder().push(Buffer.from(framed.body, "latin1"));
    expect(frames.map(({ stream, data }) => `${stream} ${Buffer.from(data)}`)).toEqual([
      "stdout one\n",
      "stderr two\n",
    ]);
    expect(lastCall()?.with[1]).toEqual({
      stdout: true,
      stderr: true,
      follow: false,
      timestamps: true,
      sinceNs: 1_500_000_000n,
      untilNs: undefined,
      tail: 5,
    });
    const old = await server.get("/v1.41/containers/c/logs?stdout=1&tail=all");
    expect(old.headers["content-type"]).toBe("application/vnd.docker.raw-stream");
    expect(lastCall()?.with[1]).toMatchObject({ stdout: true, stderr: false, tail: undefined });
    expect((await server.get("/containers/tty/logs?stdout=1")).body).toBe("one\ntwo\n");
  });

  test("logs need a stream and sane bounds", async () => {
    const none = await server.get("/containers/c/logs");
    expect([none.status, messageOf(none.body)]).toEqual([
      400,
      "Bad parameters: you must choose at least one stream",
    ]);
    expect((await server.get("/containers/c/logs?stdout=1&since=x")).status).toBe(400);
    expect((await server.get("/containers/missing/logs?stdout=1")).status).toBe(404);
  });

  test("events are sent one by one, the head at once", async () => {
    using client = server.connect();
    client.send("GET /v1.43/events?filters=%7B%7D HTTP/1.1\r\nHost: d\r\n\r\n");
    await client.until("\r\n\r\n");
    expect(server.backends.calls.map((call) => call.what)).toEqual(["events"]);
    const event = { Actor: { ID: "x", Attributes: {} }, scope: "local" as const, time: 1, timeNano: 1 };
    // Clients of that version know nothing of created images.
    await server.backends.liveEvents.push({ Type: "image", Action: "create", ...event });
    await server.backends.liveEvents.push({ Type: "container", Action: "start", ...event });
    expect(await client.until('"Action":"start"')).not.toContain('"Type":"image"');
    const window = await server.get("/events?since=5&until=2");
    expect(messageOf(window.body)).toBe("`since` time (5) cannot be after `until` time (2)");
  });

  test("loads tell of errors in the stream, imports by status", async () => {
    const tar = { "Content-Type": "application/x-tar" };
    const loaded = await server.post("/images/load?quiet=0", "x".repeat(100_000), tar);
    expect([loaded.status, loaded.body]).toEqual([200, '{"stream":"Loaded 100000\\n"}\r\n']);
    expect(lastCall()?.with).toEqual([100_000, { quiet: false, platform: undefined }]);
    const empty = await server.post("/images/load", "", tar);
    expect([empty.status, empty.body]).toEqual([
      200,
      '{"errorDetail":{"message":"no archive"},"error":"no archive"}\r\n',
    ]);
    const imported = await server.post(
      "/images/create?fromSrc=-&repo=a/b:1&changes=CMD%20x&changes=ENV%20y=z",
      "abc",
      tar,
    );
    expect(imported.body).toBe('{"stream":"Loaded 3\\n"}\r\n');
    expect(lastCall()?.with[1]).toEqual({
      repo: "a/b",
      tag: "1",
      message: "Imported from -",
      changes: ["CMD x", "ENV y=z"],
      platform: undefined,
    });
    expect((await server.post("/images/create?fromSrc=-", "", tar)).status).toBe(400);
  });

  test("a load whose client breaks off fails in the backend", async () => {
    const head =
      "POST /images/load HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\nContent-Length: 99\r\n\r\n";
    const client = server.connect().send(`${head}half`);
    await server.backends.until("load begun");
    client.vanish();
    expect((await server.backends.until("load broken")).with).toEqual([4]);
  });
});

describe("images", () => {
  test("have the fields of the client's version", async () => {
    const summaries = async (version: string) =>
      JSON.parse((await server.get(`/v${version}/images/json`)).body)[0];
    expect(await summaries("1.50")).not.toHaveProperty("VirtualSize");
    expect(await summaries("1.43")).toMatchObject({ VirtualSize: 7, RepoTags: [] });
    expect(await summaries("1.42")).toMatchObject({
      RepoTags: ["<none>:<none>"],
      RepoDigests: ["<none>@<none>"],
    });
    expect(JSON.parse((await server.get("/v1.43/images/a/json")).body)).toMatchObject({
      VirtualSize: 7,
      Created: "0001-01-01T00:00:00Z",
    });
  });

  test("are tagged and removed", async () => {
    expect((await server.post("/images/a/b:1/tag?repo=localhost:5000/c&tag=")).status).toBe(201);
    expect(lastCall()?.with).toEqual(["a/b:1", { repo: "localhost:5000/c", tag: "latest" }]);
    expect((await server.ask("DELETE", "/images/a:1?force=1&noprune=1")).body).toBe('[{"Untagged":"a:1"}]\n');
    expect(lastCall()?.with).toEqual(["a:1", { force: true, noPrune: true }]);
  });
});
