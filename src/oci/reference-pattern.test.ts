import { describe, expect, test } from "bun:test";
import { parseImageName } from "./reference.ts";
import { matchesReferencePattern } from "./reference-pattern.ts";

describe("matchesReferencePattern", () => {
  test.each<[string, string, boolean]>([
    ["busybox", "busybox:latest", true],
    ["busybox:latest", "busybox:latest", true],
    ["busy*", "busybox:latest", true],
    ["*:latest", "busybox:latest", true],
    ["*", "user/app:x", false],
    ["*/*", "user/app:x", true],
    ["user/*:x", "user/app:x", true],
    ["b?sybox", "busybox:1", true],
    ["b[a-u]sybox", "busybox:1", true],
    ["b[^a-t]sybox", "busybox:1", true],
    ["b[^u]sybox", "busybox:1", false],
    ["busybo\\x", "busybox:1", true],
    ["bus", "busybox:1", false],
    ["*b*x*", "busybox:1", true],
    ["", "busybox:1", false],
  ])("%p on %p: %p", (pattern, name, expected) => {
    expect(matchesReferencePattern(pattern, parseImageName(name))).toBe(expected);
  });

  test.each(["a[", "a[b", "a[]", "a\\", "a[-b]"])("%p is a syntax error", (pattern) => {
    expect(() => matchesReferencePattern(pattern, parseImageName("abc"))).toThrow("syntax error in pattern");
  });

  test("many stars end at once", () => {
    const name = parseImageName(`${"a".repeat(200)}:x`);
    const before = performance.now();
    expect(matchesReferencePattern(`${"*a".repeat(100)}*b`, name)).toBe(false);
    expect(performance.now() - before).toBeLessThan(200);
  });
});
