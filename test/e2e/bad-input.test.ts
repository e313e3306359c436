/** Bad input gets Docker's status and a clear message, and leaves nothing behind. */
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { BUSYBOX, NONE, withDaemon } from "../support/fixture.ts";

const { daemon } = withDaemon();
const JSON_TYPE = { "content-type": "application/json" };
const post = (path: string, body: object | string = {}) =>
  daemon.api("POST", path, {
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: JSON_TYPE,
  });
const valid = { Image: BUSYBOX, Cmd: ["true"], HostConfig: { NetworkMode: "none" } };
const withHost = (fields: object) => ({ ...valid, HostConfig: { NetworkMode: "none", ...fields } });

async function answer(response: Response): Promise<{ status: number; message: string }> {
  const text = await response.text();
  // A client that is too old for errors in JSON gets its sentence as plain text.
  const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
  const message = isJson ? (JSON.parse(text) as { message: string }).message : text.trim();
  return { status: response.status, message };
}

describe("requests", () => {
  const cases: readonly (readonly [string, () => Promise<Response>, number, RegExp])[] = [
    ["unknown container", () => daemon.api("GET", "/containers/nope/json"), 404, /^No such container: nope$/],
    ["start of an unknown one", () => post("/containers/nope/start"), 404, /^No such container: nope$/],
    [
      "unknown image",
      () => post("/containers/create", { ...valid, Image: "nope" }),
      404,
      /^No such image: nope:latest$/,
    ],
    ["malformed JSON", () => post("/containers/create", "{"), 400, /./],
    ["a wrong type", () => post("/containers/create", { ...valid, Env: 5 }), 400, /./],
    ["no command", () => post("/containers/create", { ...valid, Cmd: null }), 400, /no command specified/i],
    ["a bad name", () => post("/containers/create?name=%2Fa%2Fb", valid), 400, /Invalid container name/],
    [
      "too little memory",
      () => post("/containers/create", withHost({ Memory: 1 })),
      400,
      /Minimum memory limit allowed is 6MB/,
    ],
    [
      "too many CPUs",
      () => post("/containers/create", withHost({ NanoCpus: 1e15 })),
      400,
      /range of CPUs is from 0.01 to/,
    ],
    [
      "an unknown capability",
      () => post("/containers/create", withHost({ CapAdd: ["NONSENSE"] })),
      400,
      /NONSENSE/,
    ],
    [
      "a relative bind",
      () => post("/containers/create", withHost({ Binds: ["/a:b"] })),
      400,
      /mount path must be absolute/,
    ],
    ["a bad signal", () => post("/containers/nope/kill?signal=NOPE"), 400, /invalid signal: NOPE/],
    ["an unknown path", () => daemon.api("GET", "/nonsense"), 404, /page not found/],
    ["a bridge network", () => post("/containers/create", { Image: BUSYBOX, Cmd: ["true"] }), 501, /network/],
    ["a volume", () => post("/containers/create", withHost({ Binds: ["data:/data"] })), 501, /volume/],
    [
      "a restart policy",
      () => post("/containers/create", withHost({ RestartPolicy: { Name: "always" } })),
      501,
      /restart/,
    ],
    ["a client from the past", () => daemon.api("GET", "/v1.12/info"), 400, /client version 1.12 is too old/],
    [
      "a client from the future",
      () => daemon.api("GET", "/v1.99/info"),
      400,
      /client version 1.99 is too new/,
    ],
  ];
  test.each(cases)("%s", async (_, request, status, message) => {
    const got = await answer(await request());
    expect(got.message).toMatch(message);
    expect(got.status).toBe(status);
  });

  test("a taken name", async () => {
    const created = await post("/containers/create?name=taken", valid);
    expect(created.status).toBe(201);
    const { Id: id } = (await created.json()) as { Id: string };
    const second = await answer(await post("/containers/create?name=taken", valid));
    expect(second).toEqual({
      status: 409,
      message: `Conflict. The container name "/taken" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
    });
    await daemon.mustDocker("rm", "taken");
  });

  test("a broken archive is told in the stream, as Docker does", async () => {
    const { code, stderr } = await daemon.dockerWith({ input: "no tar at all" }, "load");
    expect(code).toBe(1);
    expect(stderr).not.toBe("");
    expect(await daemon.mustDocker("images", "-q")).toHaveLength(12);
  });

  test("unknown fields are ignored", async () => {
    const created = await post("/containers/create?name=extra", { ...valid, Nonsense: { deep: [1] } });
    expect(created.status).toBe(201);
    await daemon.mustDocker("rm", "extra");
  });

  test("start of a running container is 304, stop of a stopped one too", async () => {
    await daemon.mustDocker("run", "-d", "--name", "runs", ...NONE, BUSYBOX, "sleep", "1000");
    expect((await post("/containers/runs/start")).status).toBe(304);
    expect((await post("/containers/runs/stop?t=0")).status).toBe(204);
    expect((await post("/containers/runs/stop?t=0")).status).toBe(304);
    expect((await answer(await post("/containers/runs/kill"))).status).toBe(409);
    await daemon.mustDocker("rm", "runs");
  });

  test("a body that ends early leaves nothing behind", async () => {
    const containers = join(daemon.root, "d/containers");
    // Directories of the tests before may still be on their way out.
    const before = readdirSync(containers);
    const closed = Promise.withResolvers<void>();
    const socket = createConnection(daemon.socket, () => {
      socket.write(
        'POST /containers/create?name=half HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"Image":',
      );
      socket.end();
    });
    socket.on("close", () => closed.resolve());
    socket.on("error", () => closed.resolve());
    socket.resume();
    await closed.promise;
    expect((await daemon.api("GET", "/containers/half/json")).status).toBe(404);
    expect(readdirSync(containers).filter((name) => !before.includes(name))).toEqual([]);
  });
});

describe("versions", () => {
  test.each(["1.24", "1.30", "1.41", "1.44", "1.50"])("a client of API %s is served", async (version) => {
    const result = await daemon.dockerWith(
      { env: { DOCKER_API_VERSION: version } },
      "run",
      "--rm",
      ...NONE,
      BUSYBOX,
      "echo",
      version,
    );
    expect(result).toMatchObject({ code: 0, stdout: `${version}\n` });
  });

  test("_ping answers GET and HEAD with the headers that clients negotiate by", async () => {
    for (const method of ["GET", "HEAD"]) {
      const response = await daemon.api(method, "/_ping");
      expect(response.status).toBe(200);
      expect(response.headers.get("api-version")).toBe("1.50");
      expect(response.headers.get("ostype")).toBe("linux");
      expect(await response.text()).toBe(method === "GET" ? "OK" : "");
    }
  });
});
