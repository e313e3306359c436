import { describe, expect, test } from "bun:test";
import { isDigest, parseDigest } from "./digest.ts";

const A64 = "a".repeat(64);

describe("parseDigest", () => {
  test("takes sha256 and sha512", () => {
    expect(parseDigest(`sha256:${A64}`)).toEqual({ algorithm: "sha256", hex: A64 });
    expect(parseDigest(`sha512:${A64}${A64}`).algorithm).toBe("sha512");
  });

  test.each([
    ["", "invalid checksum digest format"],
    ["sha256", "invalid checksum digest format"],
    ["sha256:", "invalid checksum digest format"],
    [`:${A64}`, "invalid checksum digest format"],
    ["sha256:abc", "invalid checksum digest length"],
    [`sha256:${A64}a`, "invalid checksum digest length"],
    [`sha512:${A64}`, "invalid checksum digest length"],
    [`sha256:${"A".repeat(64)}`, "invalid checksum digest format"],
    [`sha256:${"g".repeat(64)}`, "invalid checksum digest format"],
    [`md5:${"a".repeat(32)}`, "unsupported digest algorithm"],
    [`sha256:../${"a".repeat(61)}`, "invalid checksum digest format"],
    [`sha256:${A64}\n`, "invalid checksum digest format"],
    [`sha256:${"a".repeat(100_000)}`, "invalid checksum digest format"],
  ])("refuses %p", (text, message) => {
    expect(() => parseDigest(text)).toThrow(message);
    expect(isDigest(text)).toBe(false);
  });
});
