import { describe, expect, test } from "bun:test";
import { isInsecure, mirrorsOf, originOf } from "./endpoints.ts";
import { DEFAULT_REGISTRY_SETTINGS, type RegistrySettings } from "./registry-settings.ts";

const settings = (given: Partial<RegistrySettings> = {}) => ({ ...DEFAULT_REGISTRY_SETTINGS, ...given });

describe("the registry itself", () => {
  test.each([
    ["docker.io", ["https://registry-1.docker.io"], true],
    ["ghcr.io", ["https://ghcr.io"], true],
    ["localhost:5000", ["https://localhost:5000", "http://localhost:5000"], false],
    ["127.0.0.9", ["https://127.0.0.9", "http://127.0.0.9"], false],
    ["[::1]:5000", ["https://[::1]:5000", "http://[::1]:5000"], false],
  ])("%s", async (registry, bases, verify) => {
    expect(await originOf(registry, settings())).toEqual({ registry, isMirror: false, bases, verify });
  });
});

describe("insecure", () => {
  const registries = new Map([["table.example", { mirrors: [], insecure: true }]]);
  test.each([
    ["reg.example", true],
    ["REG.example", true],
    ["reg.example:5000", false],
    ["other.example:5000", true],
    ["other.example", false],
    ["table.example", true],
    ["sub.reg.example", false],
  ])("by name: %s is %p", async (host, expected) => {
    const insecureRegistries = ["reg.example", "other.example:5000"];
    expect(await isInsecure(host, settings({ insecureRegistries, registries }))).toBe(expected);
  });

  test.each([
    ["10.9.8.7:5000", true],
    ["11.9.8.7:5000", false],
    ["[fd00::1]:5000", true],
  ])("by network: %s is %p", async (host, expected) => {
    expect(await isInsecure(host, settings({ insecureRegistries: ["10.0.0.0/8", "fd00::/8"] }))).toBe(
      expected,
    );
  });

  test("`*` holds for registries without an entry", async () => {
    const table = new Map([
      ["*", { mirrors: [], insecure: true }],
      ["ghcr.io", { mirrors: [], insecure: false }],
    ]);
    expect(await isInsecure("quay.io", settings({ registries: table }))).toBe(true);
    expect(await isInsecure("ghcr.io", settings({ registries: table }))).toBe(false);
  });
});

test("mirrors keep their order and their paths", async () => {
  const registries = new Map([
    ["ghcr.io", { mirrors: ["https://m1/cache/", "http://localhost:1"], insecure: false }],
  ]);
  expect(await mirrorsOf("ghcr.io", settings({ registries }))).toEqual([
    { registry: "ghcr.io", isMirror: true, bases: ["https://m1/cache"], verify: true },
    { registry: "ghcr.io", isMirror: true, bases: ["http://localhost:1"], verify: false },
  ]);
});
