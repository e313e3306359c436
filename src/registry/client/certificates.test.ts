import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createPlainServer } from "node:http";
import { createServer, type Server } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tlsOf, tlsOfDelegate } from "./certificates.ts";
import { fetchTransport } from "./http-transport.ts";
import { DEFAULT_REGISTRY_SETTINGS, type ProxySettings } from "./registry-settings.ts";
import { TEST_CERTIFICATE, TEST_KEY } from "./testing/test-certificate.ts";
import { collect } from "./testing/test-client.ts";
import { Wire } from "./wire.ts";

const scratch = mkdtempSync(join(tmpdir(), "berth-certs-"));
afterAll(() => rmSync(scratch, { recursive: true }));

let directories = 0;
function certificates(files: Record<string, string>) {
  const root = join(scratch, `${++directories}`);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return {
    ...DEFAULT_REGISTRY_SETTINGS,
    certificateDirectories: [root],
    systemCertificateFiles: [] as string[],
  };
}

describe("certs.d", () => {
  test("authorities and a pair, for one host and port only", async () => {
    const settings = certificates({
      "h:5000/a.crt": "A",
      "h:5000/b.crt": "B",
      "h:5000/client.cert": "C",
      "h:5000/client.key": "K",
      "h/x.crt": "X",
    });
    const expected = { ca: ["A", "B"], certificate: "C", key: "K", verify: true };
    expect(await tlsOf("h:5000", true, settings)).toEqual(expected);
    expect(await tlsOf("h", true, settings)).toMatchObject({ ca: ["X"], certificate: undefined });
    const nothing = { ca: undefined, certificate: undefined, key: undefined, verify: true };
    expect(await tlsOf("other", true, settings)).toEqual(nothing);
    expect(await tlsOfDelegate("h", await tlsOf("h:5000", true, settings), settings)).toEqual({
      ca: ["X", "A", "B"],
      certificate: "C",
      key: "K",
      verify: true,
    });
  });

  test("add to the authorities of the machine", async () => {
    const settings = certificates({ "h/a.crt": "A", bundle: "SYSTEM" });
    const [root = ""] = settings.certificateDirectories;
    const both = { ...settings, systemCertificateFiles: [join(root, "absent"), join(root, "bundle")] };
    expect((await tlsOf("h", true, both)).ca).toEqual(["SYSTEM", "A"]);
  });

  test("that are incomplete are refused", async () => {
    await expect(tlsOf("h", true, certificates({ "h/c.cert": "C" }))).rejects.toThrow(
      "missing key c.key for client certificate c.cert. CA certificates must use the extension .crt",
    );
    await expect(tlsOf("h", true, certificates({ "h/c.key": "C" }))).rejects.toThrow(
      "missing client certificate c.cert for key c.key",
    );
  });
});

describe("on the wire", () => {
  let server: Server;
  let port = 0;
  beforeAll(async () => {
    server = createServer({ key: TEST_KEY, cert: TEST_CERTIFICATE }, (_request, response) =>
      response.end("in private"),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  const get = async (
    url: string,
    settings: ReturnType<typeof certificates>,
    options: { verify?: boolean; proxies?: ProxySettings } = {},
  ) => {
    const { host } = new URL(url);
    const response = await new Wire(fetchTransport, "test").send({
      method: "GET",
      url: new URL(url),
      headers: {},
      tls: await tlsOf(host, options.verify ?? true, settings),
      tlsHost: host,
      settings: { ...settings, proxies: options.proxies ?? {} },
      signal: new AbortController().signal,
      answerTimeoutMs: 5000,
    });
    return String(await collect(response.body));
  };

  test("a private authority is believed for its host only", async () => {
    const settings = certificates({ [`localhost:${port}/ca.crt`]: TEST_CERTIFICATE });
    expect(await get(`https://localhost:${port}/`, settings)).toBe("in private");
    await expect(get(`https://127.0.0.1:${port}/`, settings)).rejects.toMatchObject({
      kind: "unavailable",
      message: `Get "https://127.0.0.1:${port}/": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
      details: { settled: true },
    });
  });

  test("without verification everything is believed, for that request only", async () => {
    const settings = certificates({});
    expect(await get(`https://127.0.0.1:${port}/`, settings, { verify: false })).toBe("in private");
    await expect(get(`https://127.0.0.1:${port}/`, settings)).rejects.toThrow("x509");
  });

  test("a server without TLS is recognized", async () => {
    const plain = createPlainServer((_request, response) => response.end());
    await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
    const plainPort = (plain.address() as AddressInfo).port;
    await expect(get(`https://127.0.0.1:${plainPort}/`, certificates({}))).rejects.toThrow(
      `Get "https://127.0.0.1:${plainPort}/": http: server gave HTTP response to HTTPS client`,
    );
    plain.close();
  });

  test("through a proxy, with the certificates of the host behind it", async () => {
    const seen: string[] = [];
    const proxy = createPlainServer();
    proxy.on("connect", (request, socket) => {
      seen.push(`${request.url} ${request.headers["proxy-authorization"]}`);
      const target = connect(port, "127.0.0.1", () => socket.write("HTTP/1.1 200 OK\r\n\r\n"));
      target.pipe(socket).pipe(target);
      target.on("error", () => socket.destroy());
      socket.on("error", () => target.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const proxies = { https: `http://u:p@127.0.0.1:${(proxy.address() as AddressInfo).port}` };
    const settings = certificates({ [`proxied.example:${port}/ca.crt`]: TEST_CERTIFICATE });
    // The name does not fit the certificate, and only the proxy knows where it is: both show that the rules hold behind it.
    await expect(get(`https://proxied.example:${port}/`, settings, { proxies })).rejects.toThrow(
      "x509: certificate is not valid for proxied.example",
    );
    expect(await get(`https://proxied.example:${port}/`, settings, { proxies, verify: false })).toBe(
      "in private",
    );
    expect(seen).toEqual(Array(2).fill(`proxied.example:${port} Basic ${btoa("u:p")}`));
    proxy.closeAllConnections();
    proxy.close();
  });
});
