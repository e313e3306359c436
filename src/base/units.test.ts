import { expect, test } from "bun:test";
import { humanDuration, humanSize, parseSize } from "./units.ts";

test.each([
  ["64", 64],
  ["64b", 64],
  ["1k", 1024],
  ["1.5kb", 1536],
  ["64m", 67108864],
  ["2GiB", 2147483648],
] as const)("parseSize %s", (text, bytes) => expect(parseSize(text)).toBe(bytes));

test.each(["", "x", "-1", "1x", "1 2m"])("parseSize refuses %j", (text) => {
  expect(() => parseSize(text)).toThrow("invalid size");
});

test.each([
  [0, "0B"],
  [999, "999B"],
  [1093, "1.093kB"],
  [170401280, "170.4MB"],
] as const)("humanSize %d", (bytes, text) => expect(humanSize(bytes)).toBe(text));

test.each([
  [0.4, "Less than a second"],
  [1.9, "1 second"],
  [59.9, "59 seconds"],
  [61, "About a minute"],
  [3000, "50 minutes"],
  [3700, "About an hour"],
  [47 * 3600, "47 hours"],
  [3 * 86400, "3 days"],
  [15 * 86400, "2 weeks"],
  [70 * 86400, "2 months"],
  [800 * 86400, "2 years"],
] as const)("humanDuration %d", (seconds, text) => expect(humanDuration(seconds)).toBe(text));
