import { describe, expect, test } from "bun:test";
import { DEFAULT_DETACH_KEYS, DetachScanner, parseDetachKeys } from "./detach-keys.ts";

describe("detach keys", () => {
  test("are read in Docker's notation", () => {
    expect(parseDetachKeys("ctrl-p,ctrl-q")).toEqual([...DEFAULT_DETACH_KEYS]);
    expect(parseDetachKeys("ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_")).toEqual([0, 27, 28, 29, 30, 31]);
    expect(parseDetachKeys("a,DEL,Z")).toEqual([97, 127, 90]);
  });

  test.each(["ctrl-", "ctrl-A", "ctrl-ab", "shift-a", "ab", "", "a,,b", "ö", "ctrl-1"])(
    "%p is refused",
    (text) => {
      expect(() => parseDetachKeys(text)).toThrow("Unknown character: '");
    },
  );
});

/** Everything the scanner lets through of the pieces, and the piece at which it detached. */
function scan(keys: string, pieces: readonly string[]): { passed: string; detachedAt: number | undefined } {
  const scanner = new DetachScanner(parseDetachKeys(keys));
  let passed = "";
  for (const [index, piece] of pieces.entries()) {
    const result = scanner.push(Buffer.from(piece));
    passed += Buffer.from(result.passed).toString();
    if (result.detached) return { passed, detachedAt: index };
  }
  return { passed: passed + Buffer.from(scanner.flush()).toString(), detachedAt: undefined };
}

describe("the scanner", () => {
  test.each([
    ["keys alone", "x,y", ["xy"], "", 0],
    ["keys in two pieces", "x,y", ["ax", "y"], "a", 1],
    ["what follows the keys is dropped", "x,y", ["axybc"], "a", 0],
    ["half of the keys, then something else", "x,y", ["x", "z"], "xz", undefined],
    ["a false start that is a true one", "x,y", ["xxy"], "x", 0],
    ["an overlap", "a,a,b", ["aaab"], "a", 0],
    ["a longer overlap", "a,b,a,c", ["ababac"], "ab", 0],
    ["an overlap over pieces", "a,b,a,c", ["ab", "ab", "ac"], "ab", 2],
    ["nothing of them", "x,y", ["abc", "def"], "abcdef", undefined],
    ["held back at the end", "x,y", ["abx"], "abx", undefined],
    ["one key", "q", ["abqc"], "ab", 0],
  ] as const)("%s", (_, keys, pieces, passed, detachedAt) => {
    expect(scan(keys, pieces)).toEqual({ passed, detachedAt });
  });

  test("agrees with a plain search on random input", () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed % below;
    };
    for (let round = 0; round < 500; round++) {
      const keys = Array.from({ length: 1 + random(4) }, () => "ab"[random(2)] ?? "a");
      const text = Array.from({ length: random(24) }, () => "abc"[random(3)] ?? "c").join("");
      const cut = random(text.length + 1);
      const found = text.indexOf(keys.join(""));
      const passed = found === -1 ? text : text.slice(0, found);
      expect(scan(keys.join(","), [text.slice(0, cut), text.slice(cut)]).passed).toBe(passed);
    }
  });
});
