import { describe, expect, test } from "bun:test";
import {
  fitsPlatform,
  formatPlatform,
  normalizePlatform,
  parsePlatform,
  selectPlatform,
} from "./platform.ts";

const AMD64 = { os: "linux", architecture: "amd64" };
const ARM64 = { os: "linux", architecture: "arm64" };

describe("parsePlatform", () => {
  test.each([
    ["linux/amd64", "linux/amd64"],
    ["linux/x86_64", "linux/amd64"],
    ["linux/arm64/v8", "linux/arm64"],
    ["linux/aarch64", "linux/arm64"],
    ["linux/arm", "linux/arm/v7"],
    ["linux/armel", "linux/arm/v6"],
    ["linux/arm/6", "linux/arm/v6"],
    ["linux", "linux/amd64"],
    ["arm64", "linux/arm64"],
    ["windows/amd64", "windows/amd64"],
    ['{"os":"linux","architecture":"arm64","variant":"v8"}', "linux/arm64"],
  ])("%s", (text, expected) => {
    expect(formatPlatform(parsePlatform(text, AMD64))).toBe(expected);
  });

  test.each([
    "",
    "/",
    "linux/",
    "a/b/c/d",
    "linux/amd 64",
    "{",
    '{"os":"linux"}',
    '{"os":1,"architecture":"a"}',
  ])("refuses %p", (text) => {
    expect(() => parsePlatform(text, AMD64)).toThrow();
  });
});

describe("selectPlatform", () => {
  const offers = [
    { name: "attestation", platform: { os: "unknown", architecture: "unknown" } },
    { name: "v6", platform: { os: "linux", architecture: "arm", variant: "v6" } },
    { name: "v7", platform: { os: "linux", architecture: "arm", variant: "v7" } },
    { name: "amd64", platform: AMD64 },
    { name: "arm64", platform: { ...ARM64, variant: "v8" } },
  ];

  test("takes the exact one", () => {
    expect(selectPlatform(offers, AMD64)?.name).toBe("amd64");
    expect(selectPlatform(offers, ARM64)?.name).toBe("arm64");
    expect(selectPlatform(offers, { os: "linux", architecture: "x64" })?.name).toBe("amd64");
  });

  test("falls back to what also runs, best first", () => {
    expect(selectPlatform(offers.slice(0, 4), ARM64)?.name).toBe("v7");
    expect(
      selectPlatform(offers.slice(0, 2), normalizePlatform({ os: "linux", architecture: "arm" }))?.name,
    ).toBe("v6");
  });

  test("finds nothing rather than the wrong thing", () => {
    expect(selectPlatform(offers.slice(0, 3), AMD64)).toBeUndefined();
    expect(selectPlatform([], AMD64)).toBeUndefined();
    expect(selectPlatform([{}, {}], AMD64)).toBeUndefined();
    expect(fitsPlatform({ os: "windows", architecture: "amd64" }, AMD64)).toBe(false);
  });

  test("a lone one without a platform is meant", () => {
    const only = {};
    expect(selectPlatform([only], AMD64)).toBe(only);
  });
});
