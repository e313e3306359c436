/** Registries that want a password, and registries behind TLS. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BUSYBOX, NONE, withDaemon } from "../support/fixture.ts";
import { TestRegistry } from "../support/registry.ts";

const { daemon, scratch } = withDaemon();
const config = join(scratch, "config");
let locked: TestRegistry;
let encrypted: TestRegistry;

beforeAll(async () => {
  mkdirSync(config);
  [locked, encrypted] = await Promise.all([
    TestRegistry.start({ user: ["alice", "secret:with:colons"] }),
    TestRegistry.start({ tls: true }),
  ]);
}, 60_000);
afterAll(async () => {
  await locked[Symbol.asyncDispose]();
  await encrypted[Symbol.asyncDispose]();
});

const docker = (...args: readonly string[]) => daemon.dockerWith({ env: { DOCKER_CONFIG: config } }, ...args);
const login = (password: string) =>
  daemon.dockerWith(
    { env: { DOCKER_CONFIG: config }, input: password },
    "login",
    "-u",
    "alice",
    "--password-stdin",
    locked.host,
  );

describe("a registry with passwords", () => {
  test("refuses who has none, and a wrong one", async () => {
    await daemon.mustDocker("tag", BUSYBOX, `${locked.host}/app:1`);
    const push = await docker("push", `${locked.host}/app:1`);
    expect([push.code, push.stderr]).toEqual([1, "no basic auth credentials\n"]);
    const pull = await docker("pull", `${locked.host}/app:1`);
    expect(pull.code).toBe(1);
    expect(pull.stderr).toContain("no basic auth credentials");
    const wrong = await login("wrong");
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toMatch(/401 Unauthorized|unauthorized: /);
  });

  test("lets in who logs in, until the logout", async () => {
    const { code, stdout } = await login("secret:with:colons");
    expect([code, stdout.includes("Login Succeeded")]).toEqual([0, true]);
    expect(readFileSync(join(config, "config.json"), "utf8")).toContain(locked.host);
    expect((await docker("push", "-q", `${locked.host}/app:1`)).code).toBe(0);
    await daemon.mustDocker("rmi", `${locked.host}/app:1`);
    expect((await docker("run", "--rm", ...NONE, `${locked.host}/app:1`, "echo", "in")).stdout).toBe("in\n");
    expect((await docker("logout", locked.host)).code).toBe(0);
    expect((await docker("pull", `${locked.host}/app:1`)).code).toBe(1);
  });
});

test("a registry with a certificate of its own on this machine", async () => {
  const name = `${encrypted.host}/app:1`;
  await daemon.mustDocker("tag", BUSYBOX, name);
  expect((await docker("push", "-q", name)).code).toBe(0);
  await daemon.mustDocker("rmi", name);
  expect((await docker("run", "--rm", ...NONE, name, "echo", "in")).stdout).toBe("in\n");
});
