import { describe, expect, test } from "bun:test";
import { ChunkQueue } from "./chunk-queue.ts";
import { parseDaemonAddress } from "./docker-host.ts";
import { EngineClient } from "./engine-client.ts";
import { parseHead, requestHead } from "./http-head.ts";
import { jsonLines, lines } from "./json-lines.ts";
import type { TransportRequest } from "./transport.ts";

describe("addresses", () => {
  test.each([
    ["unix:///run/x.sock", { kind: "unix", path: "/run/x.sock" }],
    ["unix://", { kind: "unix", path: "/run/berth/berth.sock" }],
    ["tcp://127.0.0.1:2376", { kind: "tcp", hostname: "127.0.0.1", port: 2376 }],
    ["tcp://host", { kind: "tcp", hostname: "host", port: 2375 }],
    ["tcp://host:80", { kind: "tcp", hostname: "host", port: 80 }],
    ["tcp://[::1]:5", { kind: "tcp", hostname: "[::1]", port: 5 }],
    ["host:5", { kind: "tcp", hostname: "host", port: 5 }],
  ])("%s", (text, expected) => expect(parseDaemonAddress(text)).toMatchObject(expected));

  test.each([
    ["foo://x", "invalid bind address format: foo://x"],
    ["tcp://", "invalid bind address format: tcp://"],
    ["tcp://user@host:1", "invalid bind address format"],
    ["tcp://host:99999", "invalid bind address format"],
    ["tcp://host:1/path", "not available in berth yet"],
    ["ssh://host", "not available in berth yet"],
  ])("refuses %s", (text, message) => expect(() => parseDaemonAddress(text)).toThrow(message));
});

describe("heads", () => {
  test("are written and read", () => {
    expect(requestHead("POST", "/x?a=b", "localhost", { A: "1", B: "2" })).toBe(
      "POST /x?a=b HTTP/1.1\r\nHost: localhost\r\nA: 1\r\nB: 2\r\n\r\n",
    );
    const { status, headers } = parseHead("HTTP/1.1 101 UPGRADED\r\nContent-Type:  a/b \r\nX: y:z\r\nbroken");
    expect(status).toBe(101);
    expect([...headers]).toEqual([
      ["content-type", "a/b"],
      ["x", "y:z"],
    ]);
  });

  test.each(["", "SSH-2.0", "HTTP/2 200", "HTTP/1.1 2000 x"])("%s is none", (text) => {
    expect(() => parseHead(text)).toThrow(RangeError);
  });
});

describe("lines", () => {
  async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
    for (const text of texts) yield new TextEncoder().encode(text);
  }
  async function* bytewise(text: string): AsyncGenerator<Uint8Array> {
    for (const byte of new TextEncoder().encode(text)) yield Uint8Array.of(byte);
  }

  test("are put together from any pieces", async () => {
    expect(await Array.fromAsync(lines(pieces("a\nb", "c\n\n", "d")))).toEqual(["a", "bc", "d"]);
    expect(await Array.fromAsync(jsonLines(bytewise('{"é":1}\r\n[2]\n')))).toEqual([{ é: 1 }, [2]]);
  });

  test("have an end", async () => {
    await expect(Array.fromAsync(lines(pieces("aaaa", "aaaa"), 5))).rejects.toThrow("too long");
  });
});

describe("chunks", () => {
  test("come out in order, all that is there at once, and hold the writer up", async () => {
    const calls: string[] = [];
    const queue = new ChunkQueue(
      () => calls.push("pause"),
      () => calls.push("resume"),
    );
    const first = queue.take();
    queue.push(Uint8Array.of(1));
    expect(await first).toEqual(Uint8Array.of(1));
    queue.push(new Uint8Array(1 << 20));
    queue.push(Uint8Array.of(2));
    queue.push(Uint8Array.of(3));
    expect(calls).toEqual(["pause"]);
    expect((await queue.take())?.length).toBe((1 << 20) + 2);
    expect(calls).toEqual(["pause", "resume"]);
    queue.push(Uint8Array.of(4));
    queue.end(new Error("lost"));
    expect(await queue.take()).toEqual(Uint8Array.of(4));
    await expect(queue.take()).rejects.toThrow("lost");
  });

  test("end", async () => {
    const queue = new ChunkQueue(
      () => {},
      () => {},
    );
    const waiting = queue.take();
    queue.end();
    expect(await waiting).toBeUndefined();
  });
});

describe("calls", () => {
  function clientFor(status: number, text: string) {
    const requests: TransportRequest[] = [];
    const client = new EngineClient({
      request: async (request) => {
        requests.push(request);
        const body = new Blob([text]).stream();
        return { status, headers: new Map<string, string>(), body, text: async () => text };
      },
      expectHijack: () => {},
      hijack: () => Promise.reject(new Error("no stream was to be taken over")),
    });
    return { client, requests };
  }

  test("put names and queries into the path", async () => {
    const { client, requests } = clientFor(204, "");
    await client.stopContainer("a/b c", { t: 0, signal: undefined });
    await client.tagImage("reg:5000/x/y@z", "a&b", "1");
    expect(requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "POST /v1.50/containers/a%2Fb%20c/stop?t=0",
      "POST /v1.50/images/reg%3A5000/x/y%40z/tag?repo=a%26b&tag=1",
    ]);
    const imported = clientFor(200, '{"status":"x"}\n');
    await Array.fromAsync(imported.client.importImage(undefined, { changes: ["CMD a", "ENV b"], repo: "" }));
    expect(imported.requests[0]?.path).toBe("/v1.50/images/create?changes=CMD%20a&changes=ENV%20b&repo=");
  });

  test("throw the daemon's own words with its status", async () => {
    const refused = clientFor(409, '{"message":"Conflict."}').client.startContainer("x");
    await expect(refused).rejects.toMatchObject({
      kind: "conflict",
      message: "Conflict.",
      details: { status: 409 },
    });
    const proxy = clientFor(502, "<html>bad gateway").client.startContainer("x");
    await expect(proxy).rejects.toMatchObject({ kind: "internal", message: "<html>bad gateway" });
    const silent = clientFor(500, "").client.startContainer("x");
    await expect(silent).rejects.toThrow("the daemon answered with status 500");
    await expect(clientFor(200, '{"Id"').client.inspectContainer("x")).rejects.toThrow("broke off");
  });

  test("304 is as asked", async () => {
    await clientFor(304, "").client.startContainer("x");
  });
});
