import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configPath } from "./config-file.ts";
import { CredentialStore, hostnameOf } from "./credential-store.ts";
import { DOCKER_HUB, encodeRegistryAuth, serverOf } from "./registry-auth.ts";

let directory: string;
let path: string;
let store: CredentialStore;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "berth-config-"));
  path = join(directory, "config.json");
  store = new CredentialStore({ DOCKER_CONFIG: directory, PATH: `${directory}:/usr/bin:/bin` });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const write = (config: object) => writeFileSync(path, JSON.stringify(config), { mode: 0o644 });
const read = () => JSON.parse(readFileSync(path, "utf8"));
const USER = { serveraddress: "registry.example:5000", username: "me", password: "a:b" };

test("where the file is", () => {
  expect(configPath({ HOME: "/home/me" })).toBe("/home/me/.docker/config.json");
  expect(configPath({ HOME: "/home/me", DOCKER_CONFIG: "/etc/x" })).toBe("/etc/x/config.json");
});

test.each([
  ["https://registry.example:5000/v2/", "registry.example:5000"],
  ["https://registry.example:443/", "registry.example:443"],
  ["http://registry.example", "registry.example"],
  ["registry.example/x", "registry.example"],
  ["https://[::1]:5000/v1", "[::1]:5000"],
])("hostnameOf %s", (address, hostname) => expect(hostnameOf(address)).toBe(hostname));

test("the keys of servers, and the header", () => {
  expect(serverOf("docker.io")).toBe(DOCKER_HUB);
  expect(serverOf("registry.example")).toBe("registry.example");
  expect(encodeRegistryAuth({})).toBe("e30=");
  expect(encodeRegistryAuth({ password: "\u00ff\u00fe??>" })).not.toMatch(/[+/]/);
});

describe("in the file", () => {
  test("nothing there", async () => {
    expect(await store.get("registry.example")).toEqual({});
    await store.erase("registry.example");
    expect(readdirSync(directory)).toEqual([]);
  });

  test("what is stored comes back, and the file is its owner's alone", async () => {
    expect(await store.store(USER)).toEqual({ inClear: true });
    expect(read()).toEqual({ auths: { "registry.example:5000": { auth: "bWU6YTpi" } } });
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
    expect(await store.get("registry.example:5000")).toEqual(USER);
    expect(await store.store(USER)).toEqual({ inClear: false });
  });

  test("what we do not know stays", async () => {
    write({ psFormat: "x", auths: { other: { auth: "eDp5", email: "e" } }, plugins: { a: { b: "c" } } });
    await store.store({ serveraddress: "r", username: "me", identitytoken: "t" });
    await store.erase("nothing");
    expect(read()).toEqual({
      psFormat: "x",
      auths: { other: { auth: "eDp5", email: "e" }, r: { auth: "bWU6", identitytoken: "t" } },
      plugins: { a: { b: "c" } },
    });
    await store.erase("r");
    expect(Object.keys(read().auths)).toEqual(["other"]);
    expect(await store.get("r")).toEqual({});
  });

  test("an entry under a URL is found by its host", async () => {
    write({ auths: { "https://registry.example/v1/": { auth: "eDp5" } } });
    expect(await store.get("registry.example")).toMatchObject({ username: "x", password: "y" });
  });

  test("a link stays a link", async () => {
    const real = join(directory, "real.json");
    writeFileSync(real, "{}");
    symlinkSync("real.json", path);
    await store.store(USER);
    expect(lstatSync(path).isSymbolicLink()).toBe(true);
    expect(Object.keys(JSON.parse(readFileSync(real, "utf8")))).toEqual(["auths"]);
  });

  test("a file that cannot be understood is not overwritten", async () => {
    writeFileSync(path, '{"auths":');
    await expect(store.store(USER)).rejects.toThrow(`parsing config file (${path})`);
    expect(readFileSync(path, "utf8")).toBe('{"auths":');
    write({ auths: [] });
    await expect(store.get("x")).rejects.toThrow("auths is no object");
    write({ auths: { x: { auth: "bm9jb2xvbg==" } } });
    await expect(store.get("x")).rejects.toThrow("Invalid auth configuration file");
  });
});

describe("with a helper", () => {
  const helper = (body: string) => {
    const program = join(directory, "docker-credential-test");
    writeFileSync(program, `#!/bin/sh\n${body}\n`);
    chmodSync(program, 0o755);
  };

  test("get, store and erase go to the program that is named for the server", async () => {
    helper(`cat > ${directory}/$1.in; [ $1 != get ] || echo '{"Username":"me","Secret":"s"}'`);
    write({ credsStore: "other", credHelpers: { r: "test" }, auths: { r: { email: "e" } } });
    expect(await store.get("r")).toEqual({ username: "me", password: "s", serveraddress: "r" });
    expect(readFileSync(join(directory, "get.in"), "utf8")).toBe("r");
    expect(await store.store({ ...USER, serveraddress: "r" })).toEqual({ inClear: false });
    const stored = { ServerURL: "r", Username: "me", Secret: "a:b" };
    expect(JSON.parse(readFileSync(join(directory, "store.in"), "utf8"))).toEqual(stored);
    expect(read().auths).toEqual({ r: { email: "e" } });
    await store.store({ serveraddress: "r", username: "me", identitytoken: "t" });
    expect(JSON.parse(readFileSync(join(directory, "store.in"), "utf8"))).toEqual({
      ServerURL: "r",
      Username: "<token>",
      Secret: "t",
    });
    await store.erase("r");
    expect(readFileSync(join(directory, "erase.in"), "utf8")).toBe("r");
    expect(read().auths).toEqual({});
  });

  test("an identity token, and nothing", async () => {
    write({ credsStore: "test" });
    helper(`echo '{"Username":"<token>","Secret":"t"}'`);
    expect(await store.get("r")).toEqual({ identitytoken: "t", serveraddress: "r" });
    helper("echo credentials not found in native keychain; exit 1");
    expect(await store.get("r")).toEqual({});
  });

  test("its failures are told, its secrets are not", async () => {
    write({ credsStore: "test" });
    helper("echo no keyring; exit 3");
    await expect(store.get("r")).rejects.toThrow(
      "error getting credentials - err: exit status 3, out: `no keyring`",
    );
    helper("echo secret");
    await expect(store.get("r")).rejects.toThrow(/^(?!.*secret)error getting credentials/);
    write({ credsStore: "missing" });
    await expect(store.get("r")).rejects.toThrow(
      'exec: "docker-credential-missing": executable file not found in $PATH',
    );
    write({ credsStore: "x/../../test" });
    await expect(store.get("r")).rejects.toThrow("not found in $PATH");
  });
});
