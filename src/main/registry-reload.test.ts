import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RegistryHosts } from "../registry/client/registry-hosts.ts";
import { parseDaemonOptions } from "./daemon-options.ts";
import { reloadRegistries } from "./registry-reload.ts";

const scratch = mkdtempSync(join(tmpdir(), "berth-reload-"));
afterAll(() => rmSync(scratch, { recursive: true }));

let directories = 0;
function world(config: object) {
  const directory = join(scratch, `${++directories}`);
  mkdirSync(directory);
  const path = join(directory, "daemon.json");
  writeFileSync(path, JSON.stringify(config));
  const read = () => parseDaemonOptions(["--config-file", path]);
  const options = read();
  const hosts = new RegistryHosts(options.registries);
  const lines: string[] = [];
  const complained = Promise.withResolvers<string>();
  const complain = (message: string, fields: object = {}) => {
    lines.push(message);
    complained.resolve(JSON.stringify(fields));
  };
  const logger = { debug: () => {}, info: () => {}, warn: complain, error: complain };
  const reload = reloadRegistries({ options, read, hosts, logger });
  return {
    path,
    hosts,
    lines,
    reload,
    replaced: () => new Promise<void>((resolve) => hosts.onReplace(() => resolve())),
    complaint: () => complained.promise,
    write: (text: string) => writeFileSync(path, text),
    [Symbol.dispose]: () => reload[Symbol.dispose](),
  };
}

const insecure = (...registries: string[]) => JSON.stringify({ "insecure-registries": registries });

test("a file that is written in place or replaced takes effect", async () => {
  using it = world({});
  const first = it.replaced();
  it.write(insecure("a.example"));
  await first;
  expect(it.hosts.settings.insecureRegistries).toEqual(["a.example"]);
  const second = it.replaced();
  writeFileSync(`${it.path}.new`, insecure("b.example"));
  renameSync(`${it.path}.new`, it.path);
  await second;
  expect(it.hosts.settings.insecureRegistries).toEqual(["b.example"]);
});

test("a broken file leaves everything as it was and says why; a mended one counts again", async () => {
  using it = world({ "insecure-registries": ["a.example"] });
  const before = it.hosts.settings;
  it.write('{"insecure-registries": ["b.example"');
  expect(await it.complaint()).toContain("unable to configure the daemon with file");
  expect(it.hosts.settings).toBe(before);
  const mended = it.replaced();
  it.write(insecure("b.example"));
  await mended;
  expect(it.hosts.settings.insecureRegistries).toEqual(["b.example"]);
});

test("SIGHUP reads the file, also an empty one", async () => {
  using it = world({ "insecure-registries": ["a.example"] });
  const replaced = it.replaced();
  it.write("");
  process.emit("SIGHUP", "SIGHUP");
  await replaced;
  expect(it.hosts.settings.insecureRegistries).toEqual([]);
});

test("what is the same is not replaced, what needs a restart is said", () => {
  using it = world({ "insecure-registries": ["a.example"] });
  const before = it.hosts.settings;
  it.reload.reload();
  expect(it.hosts.settings).toBe(before);
  expect(it.lines).toEqual([]);
  it.write(JSON.stringify({ "insecure-registries": ["a.example"], "log-level": "debug" }));
  it.reload.reload();
  expect(it.hosts.settings).toBe(before);
  expect(it.lines).toEqual(["some of the new configuration needs a restart of the daemon"]);
});

test("after its end nothing is listened to", () => {
  const listeners = process.listenerCount("SIGHUP");
  world({})[Symbol.dispose]();
  expect(process.listenerCount("SIGHUP")).toBe(listeners);
});
