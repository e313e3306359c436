import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { FrameDecoder } from "../api/stream-frames.ts";
import type { EchoClient } from "./testing/in-memory-backends.ts";
import { TestServer } from "./testing/test-server.ts";

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server[Symbol.asyncDispose]());

const UPGRADE = "Host: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n";
const attachHead = (name: string, query = "stream=1&stdin=1&stdout=1&stderr=1") =>
  `POST /v1.43/containers/${name}/attach?${query} HTTP/1.1\r\n${UPGRADE}\r\n`;
const execHead = (id: string, body: string, upgrade = UPGRADE) =>
  `POST /v1.43/exec/${id}/start HTTP/1.1\r\n${upgrade}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;

/** The texts of all frames, by stream. */
function unframe(bytes: Buffer): { stdout: string; stderr: string } {
  const texts = { stdout: "", stderr: "" };
  for (const { stream, data } of new FrameDecoder().push(bytes)) {
    if (stream === "stdout" || stream === "stderr") texts[stream] += Buffer.from(data).toString();
  }
  return texts;
}

function onlyClient(): EchoClient {
  const [client, ...others] = server.backends.clients;
  if (client === undefined || others.length > 0) throw new Error("not exactly one attached client");
  return client;
}

describe("attach with an upgrade", () => {
  test("carries both directions and the half-close", async () => {
    using client = server.connect();
    client.send(attachHead("plain"));
    const head = await client.until("\r\n\r\n");
    expect(head).toStartWith("HTTP/1.1 101 UPGRADED\r\n");
    expect(head).toContain(
      "Content-Type: application/vnd.docker.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp",
    );
    client.send("hello ");
    await client.until("hello ");
    client.send("again").endInput();
    await client.untilEnd();
    expect(unframe(client.body)).toEqual({ stdout: "hello again", stderr: "11 bytes\n" });
    expect(server.backends.calls).toEqual([
      {
        what: "attach",
        with: ["plain", { stdin: true, stdout: true, stderr: true, logs: false, stream: true }],
      },
    ]);
  });

  test("is raw with a terminal, and before API 1.42 so named", async () => {
    using terminal = server.connect().send(attachHead("tty"));
    expect(await terminal.until("\r\n\r\n")).toContain("Content-Type: application/vnd.docker.raw-stream");
    terminal.send("typed");
    expect(await terminal.until("typed")).toEndWith("\r\n\r\ntyped");
    using old = server.connect().send(attachHead("plain").replace("v1.43", "v1.41"));
    expect(await old.until("\r\n\r\n")).toContain("Content-Type: application/vnd.docker.raw-stream");
    old.send("x").endInput();
    await old.untilEnd();
    expect(unframe(old.body).stdout).toBe("x");
  });

  test("works on a connection that has served requests, with input in the same packet", async () => {
    using client = server.connect();
    client.send("GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n");
    await client.until("OK");
    client.send(`${attachHead("plain")}early`).endInput();
    const all = await client.untilEnd();
    const answer = Buffer.from(all.slice(all.indexOf("HTTP/1.1 101")), "latin1");
    expect(unframe(answer.subarray(answer.indexOf("\r\n\r\n") + 4))).toEqual({
      stdout: "early",
      stderr: "5 bytes\n",
    });
  });

  test("throws input away that was not asked for", async () => {
    using client = server.connect().send(attachHead("plain", "stream=1&stdout=1"));
    await client.until("\r\n\r\n");
    client.send("unwanted").endInput();
    const attached = onlyClient();
    await attached.output.push({ stream: "stdout", data: Buffer.from("output goes on") });
    await client.until("output goes on");
    expect([attached.received, attached.log]).toEqual([0, []]);
  });

  test("ends for the client when the output ends, whatever it still sends", async () => {
    using client = server.connect().send(attachHead("plain"));
    await client.until("\r\n\r\n");
    onlyClient().output.end();
    await client.untilEnd();
    client.send("nobody reads this").endInput();
    await onlyClient().closed.promise;
  });

  test("tells the backend when the client vanishes, also one that had half-closed", async () => {
    for (const name of ["plain", "tty"]) {
      server.backends.clients.length = 0;
      const client = server.connect().send(attachHead(name, "stream=1&stdout=1&stdin=0"));
      await client.until("\r\n\r\n");
      client.endInput();
      client.vanish();
      await onlyClient().closed.promise;
    }
  });

  test("answers errors with a status", async () => {
    const ask = async (head: string) => {
      using client = server.connect().send(head);
      return await client.untilEnd();
    };
    const missing = await ask(attachHead("missing"));
    expect(missing).toStartWith("HTTP/1.1 404 Not Found\r\n");
    expect(missing).toEndWith('{"message":"No such container: missing"}\n');
    expect(await ask(attachHead("c", "stream=1&detachKeys=ctrl-ab"))).toContain(
      "Invalid detach keys (ctrl-ab) provided",
    );
    expect(await ask(attachHead("c").replace("v1.43", "v1.99"))).toContain("client version 1.99 is too new");
    expect(server.backends.clients).toEqual([]);
  });

  test("detaches on the keys of a terminal only", async () => {
    using terminal = server.connect().send(attachHead("tty", "stream=1&stdin=1&stdout=1&detachKeys=a,b"));
    await terminal.until("\r\n\r\n");
    terminal.send("xa");
    await terminal.until("\r\n\r\nx");
    terminal.send("b and more");
    await terminal.untilEnd();
    expect(onlyClient().log).toEqual(["detached"]);
    expect(onlyClient().received).toBe(1);
    using plain = server.connect().send(attachHead("plain", "stream=1&stdin=1&stdout=1&detachKeys=a,b"));
    await plain.until("\r\n\r\n");
    plain.send("xab");
    await plain.until("xab");
  });

  test("holds back a client whose process reads nothing, and a process whose client reads nothing", async () => {
    using client = server.connect().send(attachHead("plain"));
    await client.until("\r\n\r\n");
    client.pause();
    const total = 32 * 1024 * 1024;
    const chunk = Buffer.alloc(64 * 1024, "x");
    for (let sent = 0; sent < total; sent += chunk.length) client.send(chunk);
    client.endInput();
    const attached = onlyClient();
    // More turns of the event loop than all of it would take to pass.
    for (let turn = 0; turn < 300; turn++) await server.get("/_ping");
    // The echo stands still when nothing is read: its queue, the sockets' buffers and our limits are all that is filled.
    expect(attached.received).toBeGreaterThan(0);
    expect(attached.received).toBeLessThan(8 * 1024 * 1024);
    client.resume();
    await client.untilEnd();
    expect(attached.received).toBe(total);
    expect(unframe(client.body).stderr).toBe(`${total} bytes\n`);
  });
});

describe("attach without an upgrade", () => {
  test("is a plain stream that ends with the connection", async () => {
    using client = server.connect();
    client.send("POST /containers/plain/attach?stream=1&stdout=1&stdin=1 HTTP/1.1\r\nHost: d\r\n\r\n");
    const head = await client.until("\r\n\r\n");
    expect(head).toStartWith("HTTP/1.1 200 OK\r\n");
    expect(head).toContain("Content-Type: application/vnd.docker.raw-stream");
    expect(head.toLowerCase()).not.toContain("chunked");
    const attached = onlyClient();
    await attached.output.push({ stream: "stdout", data: Buffer.from("hi") });
    attached.output.end();
    await client.untilEnd();
    expect(unframe(client.body)).toEqual({ stdout: "hi", stderr: "" });
    expect(attached.log).toEqual([]);
  });

  test("takes a chunked body as input", async () => {
    using client = server.connect();
    const head =
      "POST /containers/plain/attach?stream=1&stdout=1&stdin=1 HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked";
    client.send(`${head}\r\n\r\n`);
    await client.until("\r\n\r\n");
    client.send("3\r\nabc\r\n");
    await client.until("abc");
    client.send("0\r\n\r\n");
    await client.untilEnd();
    expect(unframe(client.body)).toEqual({ stdout: "abc", stderr: "3 bytes\n" });
  });

  test("tells the backend when the client vanishes", async () => {
    const client = server.connect();
    client.send("POST /containers/plain/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: d\r\n\r\n");
    await client.until("\r\n\r\n");
    client.vanish();
    await onlyClient().closed.promise;
  });
});

describe("exec start", () => {
  test("reads its JSON before the connection is taken over, however it arrives", async () => {
    const body = '{"Detach":false,"Tty":false}';
    const whole = `${execHead("exec", body)}${body}`;
    const split = whole.length - body.length;
    for (const cuts of [[whole.length], [split], [split + 3], [20, split + 5], [split - 2]]) {
      server.backends.clients.length = 0;
      using client = server.connect();
      let sent = 0;
      for (const cut of cuts) {
        client.send(whole.slice(sent, cut));
        sent = cut;
        // A round trip on another connection: the piece has been read by then.
        await server.get("/_ping");
      }
      client.send(`${whole.slice(sent)}input`).endInput();
      expect(await client.untilEnd()).toStartWith("HTTP/1.1 101 UPGRADED\r\n");
      expect(unframe(client.body)).toEqual({ stdout: "input", stderr: "5 bytes\n" });
    }
  });

  test("is raw when the request says so, with the console's size", async () => {
    const body = '{"Tty":true,"ConsoleSize":[24,80]}';
    using client = server.connect().send(`${execHead("ttykeys", body)}${body}`);
    expect(await client.until("\r\n\r\n")).toContain("Content-Type: application/vnd.docker.raw-stream");
    expect(server.backends.calls.at(-1)).toEqual({ what: "startAttached", with: ["ttykeys", [24, 80]] });
    // The keys of its creation: ctrl-x.
    client.send("ab\x18cd");
    expect(await client.untilEnd()).toEndWith("\r\n\r\nab");
    expect(onlyClient().log).toEqual(["detached"]);
  });

  test("without an upgrade streams the output, the input being over", async () => {
    using client = server.connect().send(`${execHead("exec", "{}", "Host: d\r\n")}{}`);
    expect(await client.untilEnd()).toStartWith("HTTP/1.1 200 OK\r\n");
    expect(unframe(client.body)).toEqual({ stdout: "", stderr: "0 bytes\n" });
  });

  test("answers before the program runs, as Docker does", async () => {
    // docker-py loses what comes in one piece with the head of the answer.
    const { promise, resolve } = Promise.withResolvers<void>();
    server.backends.execGate = promise;
    using client = server.connect().send(`${execHead("exec", "{}")}{}`);
    await client.until("\r\n\r\n");
    client.send("early").endInput();
    resolve();
    server.backends.execGate = undefined;
    await client.untilEnd();
    expect(unframe(client.body)).toEqual({ stdout: "early", stderr: "5 bytes\n" });
  });

  test("gives docker-py a head that fills its buffer", async () => {
    const head = execHead("exec", "{}").replace(
      "\r\n\r\n",
      "\r\nUser-Agent: docker-sdk-python/7.1.0\r\n\r\n",
    );
    using client = server.connect().send(`${head}{}input`).endInput();
    const text = await client.untilEnd();
    expect(text.indexOf("\r\n\r\n") + 4).toBe(8192);
    expect(unframe(client.body)).toEqual({ stdout: "input", stderr: "5 bytes\n" });
  });

  test("detached answers at once", async () => {
    expect((await server.post("/exec/exec/start", { Detach: true })).status).toBe(200);
    expect(server.backends.calls.at(-1)).toEqual({ what: "startDetached", with: ["exec"] });
    using upgraded = server.connect().send(`${execHead("exec", '{"Detach":true}')}{"Detach":true}`);
    expect(await upgraded.untilEnd()).toStartWith("HTTP/1.1 200 OK\r\n");
  });

  test("tells of a start that fails in the stream, of one that is refused by status", async () => {
    using program = server.connect().send(`${execHead("nofile", '{"Tty":true}')}{"Tty":true}`);
    const text = await program.untilEnd();
    expect(text).toStartWith("HTTP/1.1 101 UPGRADED\r\n");
    expect(text).toEndWith('\r\n\r\nexec: "nofile": executable file not found in $PATH\r\n');
    using shimless = server.connect().send(`${execHead("noshim", '{"Tty":true}')}{"Tty":true}`);
    expect(await shimless.untilEnd()).toEndWith("\r\n\r\nno shim\r\n");
    const ask = async (head: string) => {
      using client = server.connect().send(head).endInput();
      return await client.untilEnd();
    };
    expect(await ask(`${execHead("missing", "{}")}{}`)).toStartWith("HTTP/1.1 404 Not Found\r\n");
    expect(await ask(`${execHead("exec", "{x}")}{x}`)).toContain("invalid JSON");
    // Ends early: nothing may start.
    server.backends.calls.length = 0;
    expect(await ask(execHead("exec", '{"Tty":false}').concat("{"))).toContain(
      "invalid JSON: unexpected EOF",
    );
    expect(server.backends.calls).toEqual([]);
  });

  test("is created with a command", async () => {
    const created = await server.post("/v1.41/containers/c/exec", { Cmd: ["ls"], ConsoleSize: [1, 2] });
    expect([created.status, created.body]).toEqual([201, '{"Id":"exec"}\n']);
    expect(server.backends.calls.at(-1)?.with[1]).toEqual({ Cmd: ["ls"], ConsoleSize: null });
    const empty = await server.post("/containers/c/exec", { Cmd: [] });
    expect([empty.status, empty.body]).toEqual([400, '{"message":"No exec command specified"}\n']);
    expect((await server.get("/exec/exec/json")).status).toBe(200);
    expect((await server.post("/exec/exec/resize?h=1&w=2")).status).toBe(200);
  });
});

test("an upgrade of another kind is no reason not to answer", async () => {
  using client = server.connect();
  const upgrade = "Host: d\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n";
  client.send(`GET /_ping HTTP/1.1\r\n${upgrade}\r\n`);
  await client.until("OK");
  client.send(`POST /session HTTP/1.1\r\n${upgrade}\r\n`);
  await client.until("build sessions are not available yet in berth");
});

describe("attach over a WebSocket", () => {
  /** Bun's own client reaches TCP only. */
  async function open(path: string): Promise<WebSocket> {
    const address = await server.server.listen({ kind: "tcp", host: "127.0.0.1", port: 0, tls: undefined });
    if (address.kind !== "tcp") throw new Error("not TCP");
    const client = new WebSocket(`ws://127.0.0.1:${address.port}${path}`);
    client.binaryType = "arraybuffer";
    await new Promise((resolve, reject) => {
      client.onopen = resolve;
      client.onerror = reject;
    });
    return client;
  }

  test("echoes unframed messages and closes with the output", async () => {
    const client = await open("/v1.43/containers/plain/attach/ws?stream=1&stdin=1&stdout=1");
    const message = new Promise<MessageEvent>((resolve) => {
      client.onmessage = resolve;
    });
    client.send("hello");
    expect(Buffer.from((await message).data as ArrayBuffer).toString()).toBe("hello");
    const closed = new Promise<CloseEvent>((resolve) => {
      client.onclose = resolve;
    });
    onlyClient().output.end();
    expect((await closed).code).toBe(1000);
  });

  test("tells the backend when the client leaves", async () => {
    const client = await open("/v1.43/containers/tty/attach/ws?stream=1&stdin=1");
    client.close();
    await onlyClient().closed.promise;
  });

  test("needs a handshake", async () => {
    const plain = await server.get("/containers/plain/attach/ws");
    expect([plain.status, plain.body]).toEqual([
      400,
      '{"message":"this endpoint needs a WebSocket handshake"}\n',
    ]);
    await onlyClient().closed.promise;
    expect((await server.get("/containers/missing/attach/ws")).status).toBe(404);
  });
});

test("closing ends what is open and lets nobody in", async () => {
  using attached = server.connect().send(attachHead("plain"));
  await attached.until("\r\n\r\n");
  using waiting = server.connect().send("GET /events HTTP/1.1\r\nHost: d\r\n\r\n");
  await waiting.until("\r\n\r\n");
  const closing = server.server.close({ graceMs: 10_000 });
  await attached.untilEnd();
  attached.endInput();
  await waiting.untilEnd();
  await closing;
  const refused = Promise.withResolvers<Error>();
  connect(server.path).on("error", refused.resolve);
  expect((await refused.promise).message).toContain("ENOENT");
});

test("closing does not wait for bodies that never come", async () => {
  using ordinary = server.connect();
  ordinary.send("POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: 100\r\n\r\n{");
  using upgrading = server.connect();
  upgrading.send(`${execHead("exec", `{"Detach":false,${" ".repeat(100)}}`)}{`);
  // Two round trips: both heads have been read by then.
  await server.get("/_ping");
  await server.get("/_ping");
  const before = performance.now();
  await server.server.close({ graceMs: 20_000 });
  expect(performance.now() - before).toBeLessThan(5000);
  await Promise.all([ordinary.untilEnd(), upgrading.untilEnd()]);
});
