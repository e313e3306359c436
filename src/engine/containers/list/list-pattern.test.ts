import { describe, expect, test } from "bun:test";
import { compilePattern } from "./list-pattern.ts";

const matches = (pattern: string, text: string) => compilePattern(pattern)?.(text);

describe("name patterns", () => {
  test.each([
    ["", "web", true],
    ["web", "my-web-1", true],
    ["^web", "my-web", false],
    ["^/?web$", "web", true],
    ["^/?web$", "/web", true],
    ["^/?web$", "web1", false],
    ["w.b", "wab", true],
    ["a|b|cd", "xcdx", true],
    ["^(a|b)+$", "abba", true],
    ["^(a|b)+$", "abca", false],
    ["^a*?b$", "aaab", true],
    ["^a{2,3}$", "aa", true],
    ["^a{2,3}$", "aaaa", false],
    ["^a{2}$", "aa", true],
    ["^a{2,}$", "aaaaa", true],
    ["^a{2,}$", "a", false],
    ["a{,2}", "a{,2}", true],
    ["[a-c]x", "bx", true],
    ["[^a-c]x", "bx", false],
    ["[]a]", "]", true],
    ["[a\\-c]", "-", true],
    ["[a-]", "-", true],
    ["^\\w+\\d$", "name1", true],
    ["\\D", "123", false],
    ["\\.", "ab", false],
    ["\\.", "a.b", true],
    ["(?i)WEB", "web", true],
    ["(?i:W)eb", "web", true],
    ["(?i:W)EB", "web", false],
    ["(?P<n>web)$", "web", true],
    ["\\bweb\\b", "my-web-1", true],
    ["\\bweb\\b", "myweb1", false],
    ["\\Aweb\\z", "web", true],
    ["(()|a)*b", "aab", true],
    ["😀.", "x😀y", true],
    ["proj-.*-1", "proj-web-1", true],
  ])("%s in %s: %p", (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected);
  });

  test.each([
    "(",
    ")",
    "[",
    "[a",
    "*a",
    "a**",
    "a{3,2}",
    "a{1001}",
    "(?=a)",
    "(?<!a)",
    "\\1",
    "\\pL",
    "\\",
    "[b-a]",
    "[[:alpha:]]",
  ])("%s is refused", (pattern) => {
    expect(compilePattern(pattern)).toBeUndefined();
  });

  test("patterns that backtracking would take years for are done at once", () => {
    const text = `${"a".repeat(200)}!`;
    expect(matches("^(a+)+$", text)).toBe(false);
    expect(matches("^(a|a)*$", text)).toBe(false);
    expect(matches("a*a*a*a*a*a*a*a*b", text)).toBe(false);
    expect(compilePattern("((a{100}){100}){100}")).toBeUndefined();
    expect(compilePattern("(".repeat(10_000))).toBeUndefined();
  });

  test("it agrees with JavaScript's own where both know the syntax", () => {
    const patterns = [
      "a",
      "ab",
      "a|b",
      "a*b",
      "(ab)+",
      "[ab]c?",
      "^a.b$",
      "a{1,2}b",
      "(a|bc)*c$",
      "^$",
      "b?a+",
      "(a*)*b",
    ];
    const texts = ["", "a", "b", "c", "ab", "ba", "abc", "aab", "abab", "acb", "bcbcc", "aaa", "cab"];
    for (const pattern of patterns) {
      for (const text of texts)
        expect([pattern, text, matches(pattern, text)]).toEqual([
          pattern,
          text,
          new RegExp(pattern).test(text),
        ]);
    }
  });
});
