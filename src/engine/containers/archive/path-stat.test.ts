import { expect, test } from "bun:test";
import { goFileMode, pathStat } from "./path-stat.ts";

test.each([
  [0o100644, 0o644],
  [0o040755, 2147483648 + 0o755],
  [0o120777, 134217728 + 0o777],
  [0o104755, 8388608 + 0o755],
  [0o102755, 4194304 + 0o755],
  [0o041777, 2147483648 + 1048576 + 0o777],
  [0o020600, 67108864 + 2097152 + 0o600],
  [0o060600, 67108864 + 0o600],
  [0o010600, 33554432 + 0o600],
  [0o140600, 16777216 + 0o600],
] as const)("mode %o is Go's %d", (mode, expected) => {
  expect(goFileMode(mode)).toBe(expected);
});

test.each([
  [1_700_000_000_123_456_789n, "2023-11-14T22:13:20.123456789Z"],
  [1_700_000_000_000_000_000n, "2023-11-14T22:13:20Z"],
  [0n, "1970-01-01T00:00:00Z"],
  [-5n, "1970-01-01T00:00:00Z"],
  [10n ** 30n, "9999-12-31T23:59:59.999999999Z"],
] as const)("a time of %d ns", (mtimeNs, mtime) => {
  expect(pathStat("x", { mode: 0o100644, sizeBytes: 3, mtimeNs, linkTarget: "" })).toEqual({
    name: "x",
    size: 3,
    mode: 0o644,
    mtime,
    linkTarget: "",
  });
});
