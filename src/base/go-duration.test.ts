import { expect, test } from "bun:test";
import { formatGoSeconds, parseGoDuration } from "./go-duration.ts";

test.each<[string, number | undefined]>([
  ["0", 0],
  ["8760h", 31_536e12],
  ["2562048h", undefined],
  ["1s", 1e9],
  ["1h30m", 5400e9],
  ["-5s", -5e9],
  ["+1ms", 1e6],
  ["1.5s", 1.5e9],
  [".5s", 5e8],
  ["10us", 1e4],
  ["10µs", 1e4],
  ["", undefined],
  ["s", undefined],
  ["1", undefined],
  ["1 s", undefined],
  ["1s ", undefined],
  ["--1s", undefined],
  ["1d", undefined],
  [`${"9".repeat(60)}h`, undefined],
])("%p", (text, expected) => {
  expect(parseGoDuration(text)).toBe(expected);
});

test.each([
  [0, "0s"],
  [59, "59s"],
  [61, "1m1s"],
  [3600, "1h0m0s"],
] as const)("formatGoSeconds %d", (seconds, text) => expect(formatGoSeconds(seconds)).toBe(text));
