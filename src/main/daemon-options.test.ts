import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_REGISTRY_SETTINGS } from "../registry/client/registry-settings.ts";
import { parseDaemonOptions } from "./daemon-options.ts";
import { takeRegistryEnvironment } from "./registry-options.ts";

const scratch = mkdtempSync(join(tmpdir(), "berth-options-"));
afterAll(() => rmSync(scratch, { recursive: true }));

let files = 0;
function configFile(content: string): string {
  const path = join(scratch, `${++files}.json`);
  writeFileSync(path, content);
  return path;
}

test("defaults are the documented ones", () => {
  const file = configFile("{}");
  expect(parseDaemonOptions(["--config-file", file])).toEqual({
    hosts: ["unix:///run/berth/berth.sock"],
    dataRoot: "/var/lib/berth",
    execRoot: "/run/berth",
    pidfile: undefined,
    group: undefined,
    logLevel: "info",
    logFormat: "text",
    storageDriver: undefined,
    configFile: file,
    registries: DEFAULT_REGISTRY_SETTINGS,
  });
});

test("the storage driver is one of ours", () => {
  const file = configFile(JSON.stringify({ "storage-driver": "vfs" }));
  expect(parseDaemonOptions(["--config-file", file]).storageDriver).toBe("vfs");
  const empty = configFile("{}");
  expect(parseDaemonOptions(["-s", "overlay2", "--config-file", empty]).storageDriver).toBe("overlay2");
  expect(() => parseDaemonOptions(["--storage-driver", "zfs", "--config-file", empty])).toThrow(
    'storage-driver "zfs" is not available in berth',
  );
});

test("hosts repeat, file and flags add up", () => {
  const file = configFile(JSON.stringify({ "data-root": "/x/", "log-level": "debug", "live-restore": true }));
  const options = parseDaemonOptions([
    "-H",
    "unix:///a",
    "--host",
    "tcp://127.0.0.1:1",
    "--config-file",
    file,
  ]);
  expect(options.hosts).toEqual(["unix:///a", "tcp://127.0.0.1:1"]);
  expect(options.dataRoot).toBe("/x");
  expect(options.logLevel).toBe("debug");
});

test("debug is the level of the same name, whatever else is said", () => {
  const file = configFile(JSON.stringify({ debug: true, "log-level": "error" }));
  expect(parseDaemonOptions(["--config-file", file]).logLevel).toBe("debug");
  expect(parseDaemonOptions(["-D", "--config-file", configFile("{}")]).logLevel).toBe("debug");
});

test("what a layer may unpack to", () => {
  const file = configFile('{"max-layer-size": 3}');
  const options = parseDaemonOptions(["--max-layer-files", "500", "--config-file", file]);
  expect([options.maxLayerBytes, options.maxLayerFiles]).toEqual([3 << 20, 500]);
});

const refused: readonly (readonly [string, string[], string])[] = [
  ['{"nonsense": 1}', [], "don't match any configuration option: nonsense"],
  ['{"dns": []}', [], '"dns" is not available in berth yet'],
  ['{"registry-mirrors": "x"}', [], '"registry-mirrors" must be a list of strings'],
  ['{"registry-mirrors": ["m.example"]}', [], "invalid mirror: no scheme specified"],
  ['{"insecure-registries": ["a b"]}', [], "insecure registry a b is not valid"],
  ['{"registries": []}', [], '"registries" must be an object'],
  ['{"registries": {"ghcr.io": []}}', [], '"registries" for "ghcr.io" must be an object'],
  ['{"registries": {"ghcr.io": {"mirror": []}}}', [], "has unknown keys: mirror"],
  ['{"registries": {"ghcr.io": {"mirrors": ["x"]}}}', [], "invalid mirror"],
  ['{"registries": {"https://ghcr.io": {}}}', [], "is not valid"],
  ['{"max-concurrent-downloads": -1}', [], "invalid max concurrent downloads: -1"],
  ['{"max-layer-size": -1}', [], "invalid max layer size: -1"],
  ["{}", ["--max-download-attempts", "x"], "invalid max download attempts: x"],
  ['{"http-proxy": "http://x"}', [], "don't match any configuration option: http-proxy"],
  ['{"proxies": {"http-proxy": "socks5://x"}}', [], "invalid http-proxy"],
  ['{"proxies": {"ftp-proxy": "x"}}', [], "has unknown keys: ftp-proxy"],
  [
    '{"proxies": {"https-proxy": "http://u:secret@file"}}',
    ["--https-proxy", "http://u:secret@flag"],
    "https-proxy: (from flag: http://xxxxx:xxxxx@flag, from file: http://xxxxx:xxxxx@file)",
  ],
  ['{"group": 3}', [], '"group" must be a string'],
  ['{"debug": "yes"}', [], '"debug" must be true or false'],
  [
    '{"debug": true}',
    ["-D"],
    "both as a flag and in the configuration file: debug: (from flag: true, from file: true)",
  ],
  ["[1]", [], "not a JSON object"],
  ["{", [], "unable to configure the daemon with file"],
  [
    '{"group": "a"}',
    ["--group", "b"],
    "specified both as a flag and in the configuration file: group: (from flag: b, from file: a)",
  ],
  ["{}", ["--log-level", "loud"], 'invalid log-level: "loud"'],
  ["{}", ["--data-root", "x"], "data-root must be an absolute path"],
  ["{}", ["--nonsense"], "nonsense"],
  ["{}", ["positional"], "positional"],
];

test.each(refused)("refuses %s %j", (content, flags, message) => {
  expect(() => parseDaemonOptions([...flags, "--config-file", configFile(content)])).toThrow(message);
});

test("a named file must exist", () => {
  expect(() => parseDaemonOptions(["--config-file", "/nonexistent/daemon.json"])).toThrow(
    "/nonexistent/daemon.json",
  );
});

const registriesOf = (config: object, flags: string[] = [], environment = {}) =>
  parseDaemonOptions([...flags, "--config-file", configFile(JSON.stringify(config))], environment).registries;

test("mirrors: Docker's list is for the Hub, after those of the table", () => {
  const { registries } = registriesOf({
    "registry-mirrors": ["https://hub.example/", "http://two.example"],
    registries: {
      "docker.io": { mirrors: ["https://first.example"] },
      "ghcr.io": { mirrors: ["https://m1", "http://m2/path/"], insecure: true },
      "*": { mirrors: ["https://all"] },
    },
  });
  expect(Object.fromEntries(registries)).toEqual({
    "docker.io": {
      mirrors: ["https://first.example", "https://hub.example", "http://two.example"],
      insecure: false,
    },
    "ghcr.io": { mirrors: ["https://m1", "http://m2/path"], insecure: true },
    "*": { mirrors: ["https://all"], insecure: false },
  });
});

test("limits and insecure registries, from the file or from flags", () => {
  const file = registriesOf({
    "insecure-registries": ["http://r.example:5000", "10.0.0.0/8"],
    "max-concurrent-downloads": 7,
    "max-concurrent-uploads": 0,
    "max-download-attempts": 2,
    "transfer-stall-timeout": 5,
  });
  expect(file).toMatchObject({
    insecureRegistries: ["r.example:5000", "10.0.0.0/8"],
    maxConcurrentDownloads: 7,
    maxConcurrentUploads: 5,
    maxDownloadAttempts: 2,
    stallTimeoutMs: 5000,
  });
  const flags = [
    "--insecure-registry",
    "a.example",
    "--insecure-registry",
    "b.example",
    "--max-concurrent-downloads=9",
  ];
  expect(registriesOf({}, flags)).toMatchObject({
    insecureRegistries: ["a.example", "b.example"],
    maxConcurrentDownloads: 9,
  });
});

test("proxies: what is configured, else the environment, whose upper-case names count first", () => {
  const environment = { HTTP_PROXY: "http://upper:1", http_proxy: "http://lower:1", no_proxy: "x.example" };
  expect(registriesOf({}, [], environment).proxies).toEqual({
    http: "http://upper:1",
    https: undefined,
    noProxy: "x.example",
  });
  const config = { proxies: { "http-proxy": "http://file:1", "no-proxy": "" } };
  expect(registriesOf(config, ["--https-proxy", "flag:2"], environment).proxies).toEqual({
    http: "http://file:1",
    https: "flag:2",
    noProxy: undefined,
  });
});

test("the proxies are taken out of the environment", () => {
  const environment = {
    HTTP_PROXY: "http://p",
    https_proxy: "http://q",
    PATH: "/bin",
    SSL_CERT_FILE: "/ca.pem",
  };
  const taken = takeRegistryEnvironment(environment);
  expect(taken).toEqual({ HTTP_PROXY: "http://p", https_proxy: "http://q", SSL_CERT_FILE: "/ca.pem" });
  expect(Object.keys(environment)).toEqual(["PATH", "SSL_CERT_FILE"]);
  expect(registriesOf({}, [], taken).systemCertificateFiles).toEqual(["/ca.pem"]);
});
