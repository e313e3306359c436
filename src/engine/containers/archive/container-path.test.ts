import { expect, test } from "bun:test";
import { containerPath } from "./container-path.ts";

test.each([
  ["/a/b", "/a/b", "b"],
  ["a/b", "/a/b", "b"],
  ["/a/b/", "/a/b/", "b"],
  ["/a/b/.", "/a/b/.", "."],
  ["/a/./b//c", "/a/b/c", "c"],
  ["/a/../../b", "/b", "b"],
  ["../../etc", "/etc", "etc"],
  ["/", "/", "/"],
  ["//", "/", "/"],
  [".", "/.", "."],
  ["/.", "/.", "."],
  ["/a/..", "/", "/"],
  ["/.hidden", "/.hidden", ".hidden"],
] as const)("%s", (asked, absolute, base) => {
  expect(containerPath(asked)).toEqual({ absolute, base });
});
