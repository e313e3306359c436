/** The streaming endpoints as clients use them that are not the docker command: raw sockets, WebSockets, many at once. */
import { beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { RawClient } from "../../src/server/testing/raw-client.ts";
import { BUSYBOX, NONE, withDaemon } from "../support/fixture.ts";
import { until } from "../support/until.ts";

const { daemon } = withDaemon();
let port = 0;

beforeAll(async () => {
  // WebSocket clients know no unix sockets.
  await daemon.stop();
  await daemon.start(["--host", "tcp://127.0.0.1:0"]);
  await until("the tcp port", () => /on tcp:\/\/127\.0\.0\.1:\d+/.test(daemon.log));
  port = Number(/on tcp:\/\/127\.0\.0\.1:(\d+)/.exec(daemon.log)?.[1]);
});

const connect = () => new RawClient(daemon.socket);
const request = (method: string, path: string, ...headers: readonly string[]) =>
  [`${method} ${path} HTTP/1.1`, "Host: d", ...headers, "", ""].join("\r\n");
const UPGRADE = ["Connection: Upgrade", "Upgrade: tcp"] as const;
const shell = (name: string, script: string, ...flags: readonly string[]) =>
  daemon.mustDocker("run", "-d", "--name", name, ...flags, ...NONE, BUSYBOX, "sh", "-c", script);
/** Made with `create -i` rather than `run -di`: the first client's end of input is the program's. */
async function shellOfOne(name: string, script: string): Promise<void> {
  await daemon.mustDocker("create", "-i", "--name", name, ...NONE, BUSYBOX, "sh", "-c", script);
  await daemon.mustDocker("start", name);
}
const remove = (...names: readonly string[]) => daemon.mustDocker("rm", "-f", ...names);

/** The payloads of a stream's frames, `1` and `2` being stdout and stderr. */
function unframe(bytes: Buffer): Record<number, string> {
  const streams: Record<number, string> = {};
  for (let at = 0; at < bytes.length; ) {
    const [stream, length] = [bytes.readUInt8(at), bytes.readUInt32BE(at + 4)];
    streams[stream] = (streams[stream] ?? "") + bytes.toString("latin1", at + 8, at + 8 + length);
    at += 8 + length;
  }
  return streams;
}

/** Of a body in chunks of its own. */
function unchunk(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = bytes.indexOf("\r\n", at);
    const length = Number.parseInt(bytes.toString("latin1", at, end), 16);
    if (!(length > 0)) return Buffer.concat(parts);
    parts.push(bytes.subarray(end + 2, end + 2 + length));
    at = end + 2 + length + 2;
  }
}

describe("attach", () => {
  test("without an upgrade is a plain stream that ends with the container", async () => {
    await shell("plain", "read x; echo out; echo err >&2; exit 3", "-i");
    using client = connect();
    client.send(
      request("POST", "/v1.41/containers/plain/attach?stream=1&stdout=1&stderr=1", "Content-Length: 0"),
    );
    const head = await client.until("\r\n\r\n");
    expect(head).toStartWith("HTTP/1.1 200 OK\r\n");
    expect(head).toMatch(/^Content-Type: application\/vnd\.docker\.raw-stream\r$/m);
    await daemon.dockerWith({ input: "\n" }, "attach", "plain");
    const text = await client.untilEnd();
    const body = /^Transfer-Encoding: chunked\r$/im.test(text) ? unchunk(client.body) : client.body;
    expect(unframe(body)).toEqual({ 1: "out\n", 2: "err\n" });
    await remove("plain");
  });

  test("without an upgrade takes input as the request's body", async () => {
    await shellOfOne("fed", "cat; echo end");
    using client = connect();
    client.send(
      request("POST", "/containers/fed/attach?stream=1&stdin=1&stdout=1", "Transfer-Encoding: chunked"),
    );
    client.send("5\r\nhello\r\n");
    await client.until("hello");
    client.send("6\r\n again\r\n0\r\n\r\n");
    await client.untilEnd();
    const text = client.text;
    const body = /^Transfer-Encoding: chunked\r$/im.test(text) ? unchunk(client.body) : client.body;
    expect(unframe(body)).toEqual({ 1: "hello againend\n" });
    await remove("fed");
  });

  test("the end of the client's half is the end of the input, not of the output", async () => {
    await shellOfOne("half", "cat; echo then; echo more >&2");
    using client = connect();
    client.send(
      request("POST", "/v1.44/containers/half/attach?stream=1&stdin=1&stdout=1&stderr=1", ...UPGRADE),
    );
    const head = await client.until("\r\n\r\n");
    expect(head).toStartWith("HTTP/1.1 101 UPGRADED\r\n");
    expect(head).toContain("Content-Type: application/vnd.docker.multiplexed-stream\r\n");
    client.send("one\n").endInput();
    await client.untilEnd();
    expect(unframe(client.body)).toEqual({ 1: "one\nthen\n", 2: "more\n" });
    await remove("half");
  });

  test("on a connection that has served requests, with input in the same packet", async () => {
    await shell("reused", "read line; echo got $line", "-i");
    using client = connect();
    client.send(request("GET", "/_ping"));
    await client.until("\r\n\r\nOK");
    client.send(request("GET", "/containers/reused/json"));
    await client.until('"Name":"/reused"');
    client.send(
      `${request("POST", "/containers/reused/attach?stream=1&stdin=1&stdout=1", ...UPGRADE)}early\n`,
    );
    const text = await client.untilEnd();
    expect(text).toContain("HTTP/1.1 101 UPGRADED\r\n");
    expect(text).toEndWith("got early\n");
    await remove("reused");
  });

  test("of an unknown container, asked for with an upgrade, is an answer in HTTP", async () => {
    using client = connect();
    client.send(request("POST", "/containers/nobody/attach?stream=1&stdout=1", ...UPGRADE));
    const text = await client.untilEnd();
    expect(text).toStartWith("HTTP/1.1 404 Not Found\r\n");
    expect(text).toContain('{"message":"No such container: nobody"}');
  });

  test("200 clients at once hear the same", async () => {
    await shell("stage", "read x; seq 1 500; read x", "-i");
    const clients = Array.from({ length: 200 }, connect);
    for (const client of clients)
      client.send(request("POST", "/containers/stage/attach?stream=1&stdout=1", ...UPGRADE));
    await Promise.all(clients.map((client) => client.until("\r\n\r\n")));
    using speaker = connect();
    speaker.send(`${request("POST", "/containers/stage/attach?stream=1&stdin=1", ...UPGRADE)}`);
    await speaker.until("\r\n\r\n");
    speaker.send("\n");
    const expected = Array.from({ length: 500 }, (_, index) => `${index + 1}\n`).join("");
    await Promise.all(clients.map((client) => client.until("\n500\n")));
    speaker.send("\n");
    await Promise.all(clients.map((client) => client.untilEnd()));
    for (const client of clients) {
      expect(unframe(client.body)).toEqual({ 1: expected });
      client.vanish();
    }
    await remove("stage");
  });

  test("100 clients that come and go without a word leave nothing in the daemon", async () => {
    await shell("busy", "while :; do echo line; done", "-i");
    await shell("quiet", "read x", "-i");
    const before = openFiles(daemon.pid);
    for (let round = 0; round < 5; round++) {
      const clients = Array.from({ length: 20 }, connect);
      for (const [index, client] of clients.entries()) {
        const name = index % 2 === 0 ? "busy" : "quiet";
        client.send(request("POST", `/containers/${name}/attach?stream=1&stdin=1&stdout=1`, ...UPGRADE));
      }
      await Promise.all(clients.map((client) => client.until("\r\n\r\n")));
      for (const client of clients) client.vanish();
    }
    // Prepared containers come and go meanwhile.
    await until("closed connections", () => openFiles(daemon.pid) <= before + 8);
    expect(await daemon.mustDocker("exec", "busy", "echo", "alive")).toBe("alive");
    await remove("busy", "quiet");
  }, 60_000);
});

const openFiles = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

function residentMegabytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

describe("a client that does not read", () => {
  test("holds up its container, not the daemon's memory nor other containers", async () => {
    await shell(
      "flood",
      "echo up; read x; yes 0123456789abcdef | head -c 40000000; echo; echo end",
      "-i",
      "--log-driver",
      "none",
    );
    using reader = connect();
    reader.send(request("POST", "/containers/flood/attach?stream=1&stdin=1&stdout=1", ...UPGRADE));
    await reader.until("\r\n\r\n");
    const before = residentMegabytes(daemon.pid);
    reader.pause();
    reader.send("\n");
    const pid = Number(await daemon.mustDocker("inspect", "-f", "{{.State.Pid}}", "flood"));
    // All of its processes stand still: the buffers in between are full.
    await until("a writer that waits", () => /pipe_w|pipe_write/.test(waitsOf(pid)));
    for (let index = 0; index < 5; index++)
      expect((await daemon.docker("run", "--rm", ...NONE, BUSYBOX, "echo", "hi")).stdout).toBe("hi\n");
    expect(residentMegabytes(daemon.pid) - before).toBeLessThan(40);
    expect(await daemon.mustDocker("exec", "flood", "echo", "alive")).toBe("alive");
    reader.vanish();
    // Whoever held it up has gone: it goes on to its end.
    expect(await daemon.mustDocker("wait", "flood")).toBe("0");
    await remove("flood");
  }, 60_000);

  test("of logs holds up nothing at all", async () => {
    await shell("much", "yes 0123456789abcdef | head -c 20000000");
    await daemon.mustDocker("wait", "much");
    const before = residentMegabytes(daemon.pid);
    const clients = Array.from({ length: 5 }, connect);
    for (const client of clients) {
      client.pause();
      client.send(request("GET", "/containers/much/logs?stdout=1&follow=1"));
    }
    expect((await daemon.docker("logs", "--tail", "1", "much")).stdout).toBe(
      "0123456789abcde".slice(0, 20000000 % 17),
    );
    expect(residentMegabytes(daemon.pid) - before).toBeLessThan(60);
    for (const client of clients) client.vanish();
    await remove("much");
  }, 60_000);
});

/** What the descendants of a container's first process wait for in the kernel. */
function waitsOf(pid: number): string {
  const children = (of: string): string[] => {
    const own = readFileSync(`/proc/${of}/task/${of}/children`, "utf8").split(" ").filter(Boolean);
    return own.flatMap((child) => [child, ...children(child)]);
  };
  try {
    return [String(pid), ...children(String(pid))]
      .map((each) => readFileSync(`/proc/${each}/wchan`, "utf8"))
      .join(" ");
  } catch {
    // One ended meanwhile.
    return "";
  }
}

describe("attach over a WebSocket", () => {
  async function open(
    path: string,
  ): Promise<{ socket: WebSocket; received: unknown[]; closed: Promise<void> }> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
    socket.binaryType = "arraybuffer";
    const received: unknown[] = [];
    socket.onmessage = ({ data }) => received.push(data);
    const closed = new Promise<void>((resolve) => {
      socket.onclose = () => resolve();
    });
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = () => reject(new Error(`no WebSocket at ${path}`));
    });
    return { socket, received, closed };
  }
  const textOf = (received: readonly unknown[]) =>
    received
      .map((data) => (data instanceof ArrayBuffer ? Buffer.from(data).toString() : String(data)))
      .join("");

  test.each([
    ["binary", "v1.44", ArrayBuffer],
    ["text before 1.28", "v1.27", String],
  ] as const)("carries %s messages in both directions", async (_, version, type) => {
    await shell("web", 'while read line; do echo "got $line"; [ "$line" != end ] || exit 4; done', "-i");
    const { socket, received, closed } = await open(
      `/${version}/containers/web/attach/ws?stream=1&stdin=1&stdout=1&stderr=1`,
    );
    socket.send("text\n");
    socket.send(new TextEncoder().encode("bytes\n"));
    await until("both answers", () => textOf(received) === "got text\ngot bytes\n");
    for (const data of received)
      expect(type === String ? typeof data === "string" : data instanceof type).toBe(true);
    socket.send("end\n");
    await closed;
    expect(textOf(received)).toEndWith("got end\n");
    expect(await daemon.mustDocker("wait", "web")).toBe("4");
    await remove("web");
  });

  test("of a terminal takes the detach keys", async () => {
    await shell("screen", 'while :; do read x; echo "<$x>"; done', "-it");
    const { socket, received, closed } = await open(
      "/v1.44/containers/screen/attach/ws?stream=1&stdin=1&stdout=1&detachKeys=ctrl-x",
    );
    socket.send("word\r");
    await until("an answer", () => textOf(received).includes("<word>"));
    socket.send("\u0018");
    await closed;
    expect(await daemon.mustDocker("inspect", "-f", "{{.State.Running}}", "screen")).toBe("true");
    await remove("screen");
  });

  test("of an unknown container is refused, and a message of gigabytes closes the connection", async () => {
    expect(open("/containers/nobody/attach/ws?stream=1")).rejects.toThrow("no WebSocket");
    await shell("deaf", "sleep 100000", "-i");
    const { socket, closed } = await open("/containers/deaf/attach/ws?stream=1&stdin=1");
    socket.send(new Uint8Array(8 << 20));
    await closed;
    expect((await daemon.api("GET", "/_ping")).status).toBe(200);
    await remove("deaf");
  });
});

describe("HTTP by hand", () => {
  test("HEAD of _ping has the headers and no body, and the connection goes on", async () => {
    using client = connect();
    client.send(request("HEAD", "/_ping"));
    const head = await client.until("\r\n\r\n");
    expect(head).toStartWith("HTTP/1.1 200 OK\r\n");
    expect(head).toMatch(/^Api-Version: 1\.50\r$/m);
    expect(client.body.length).toBe(0);
    client.send(request("GET", "/_ping", "Connection: close"));
    const text = await client.untilEnd();
    expect(text.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
    expect(text).toEndWith("\r\n\r\nOK");
  });

  test("requests in one packet are answered in their order", async () => {
    using client = connect();
    const paths = ["/_ping", "/containers/nobody/json", "/version", "/images/json", "/_ping"];
    client.send(
      paths.map((path) => request("GET", path)).join("") + request("GET", "/info", "Connection: close"),
    );
    const text = await client.untilEnd();
    const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
    expect(statuses).toEqual(["200", "404", "200", "200", "200", "200"]);
    const order = ["OK", "No such container", "MinAPIVersion", "RepoTags", "DockerRootDir"].map((word) =>
      text.indexOf(word),
    );
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(Math.min(...order)).toBeGreaterThan(0);
  });

  const broken = [
    ["no HTTP", "\u0016\u0003\u0001 nonsense\r\n\r\n"],
    ["a head without an end", `GET /_ping HTTP/1.1\r\nHost: d\r\nX: ${"x".repeat(300_000)}\r\n\r\n`],
    [
      "two lengths",
      "POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    ],
    [
      "length and chunks",
      "POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    [
      "a chunk that is none",
      "POST /containers/create HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
  ] as const;
  test.each(broken)("%s ends that connection only", async (_, bytes) => {
    using client = connect();
    client.send(bytes);
    const text = await client.untilEnd();
    expect(text).not.toContain(" 200 ");
    expect(text).not.toContain(" 201 ");
    expect((await daemon.api("GET", "/_ping")).status).toBe(200);
  });
});

describe("logs -f", () => {
  test("of five clients misses no line while the files rotate", async () => {
    const lines = 4000;
    const script = `read x; i=0; while [ $i -lt ${lines} ]; do i=$((i+1)); echo $i; done`;
    // Ten files hold it all: whatever is missing was lost by the reader.
    await shell("wheel", script, "-i", "--log-opt", "max-size=50k", "--log-opt", "max-file=10");
    const followers = Array.from({ length: 5 }, () => daemon.docker("logs", "-f", "wheel"));
    await daemon.dockerWith({ input: "\n" }, "attach", "wheel");
    const expected = Array.from({ length: lines }, (_, index) => `${index + 1}\n`).join("");
    for (const { stdout, code } of await Promise.all(followers)) {
      expect(code).toBe(0);
      expect(stdout === expected ? "all" : firstGap(stdout)).toBe("all");
    }
    expect((await daemon.docker("logs", "wheel")).stdout === expected).toBe(true);
    expect((await daemon.docker("logs", "--tail", "700", "wheel")).stdout.split("\n")[0]).toBe(
      String(lines - 699),
    );
    await remove("wheel");
  }, 60_000);
});

function firstGap(text: string): string {
  const numbers = text.trimEnd().split("\n").map(Number);
  const at = numbers.findIndex((value, index) => value !== index + 1);
  return `line ${at + 1} is ${numbers[at]}, of ${numbers.length}`;
}
