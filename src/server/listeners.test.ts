import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isLoopback, parseListenAddress } from "./listen-address.ts";
import { createListener, listen } from "./listeners.ts";

describe("listen addresses", () => {
  test("are sockets and loopback ports", () => {
    expect(parseListenAddress("unix:///run/b.sock", { gid: 5 })).toEqual({
      kind: "unix",
      path: "/run/b.sock",
      gid: 5,
    });
    const tcp = { kind: "tcp", tls: undefined } as const;
    expect(parseListenAddress("tcp://127.0.0.1:80")).toEqual({ ...tcp, host: "127.0.0.1", port: 80 });
    expect(parseListenAddress("tcp://[::1]:0")).toEqual({ ...tcp, host: "::1", port: 0 });
    expect(parseListenAddress("tcp://localhost")).toEqual({ ...tcp, host: "localhost", port: 2375 });
  });

  test.each([
    "tcp://0.0.0.0:2375",
    "tcp://192.0.2.1:1",
    "tcp://[::]:1",
    "tcp://example.com:1",
    "tcp://1270.0.0.1.example",
  ])("%s would give the machine away", (text) =>
    expect(() => parseListenAddress(text)).toThrow("refusing to listen"),
  );

  test("client certificates open the rest, a certificate of our own alone does not", () => {
    const tls = { key: "k", cert: "c", clientAuthority: "ca" };
    expect(parseListenAddress("tcp://0.0.0.0", { tls })).toEqual({
      kind: "tcp",
      host: "0.0.0.0",
      port: 2376,
      tls,
    });
    const oneSided = { ...tls, clientAuthority: undefined };
    expect(() => parseListenAddress("tcp://0.0.0.0", { tls: oneSided })).toThrow("refusing to listen");
  });

  test.each(["", "unix://relative", "http://127.0.0.1", "tcp://", "127.0.0.1:2375", "fd://", "tcp://a:b"])(
    "%p is refused",
    (text) => {
      expect(() => parseListenAddress(text)).toThrow();
    },
  );

  test("loopback is an address, not a prefix of a name", () => {
    expect(["127.0.0.1", "127.9.9.9", "::1", "localhost"].map(isLoopback)).toEqual([true, true, true, true]);
    expect(["127.0.0.1.example.com", "10.0.0.1", "::", ""].map(isLoopback)).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });
});

describe("a Unix socket", () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "berth-listen-"));
    path = join(directory, "s.sock");
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const address = () => ({ kind: "unix", path, gid: undefined }) as const;
  const start = async () => {
    const server = createListener(address(), () => false);
    await listen(server, address());
    return server;
  };

  test("is closed to others from its first moment, whatever the umask", async () => {
    const before = process.umask(0);
    try {
      const server = createListener(address(), () => false);
      const ready = listen(server, address());
      await ready;
      expect(statSync(path).mode & 0o777).toBe(0o660);
      expect(process.umask()).toBe(0);
      server.close();
    } finally {
      process.umask(before);
    }
  });

  test("of a live daemon is refused", async () => {
    const server = await start();
    await expect(start()).rejects.toMatchObject({ kind: "conflict" });
    server.close();
  });

  test("of a dead daemon is replaced", async () => {
    // The socket outlives its listener when the process is killed.
    const dead = Bun.spawnSync([
      process.execPath,
      "-e",
      `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`,
    ]);
    expect(dead.signalCode).toBe("SIGKILL");
    expect(statSync(path).isSocket()).toBe(true);
    (await start()).close();
  });

  test("never replaces another file", async () => {
    writeFileSync(path, "precious");
    await expect(start()).rejects.toMatchObject({ kind: "conflict" });
    expect(statSync(path).size).toBe(8);
  });

  test("has a path that the kernel takes", async () => {
    path = join(directory, "x".repeat(120));
    await expect(start()).rejects.toMatchObject({ kind: "invalid" });
  });
});
