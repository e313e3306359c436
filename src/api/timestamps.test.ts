import { describe, expect, test } from "bun:test";
import { parseTimestampNs } from "./timestamps.ts";

describe("since and until", () => {
  test.each([
    ["1136073600.000000001", 1_136_073_600_000_000_001n],
    ["1136073600", 1_136_073_600_000_000_000n],
    ["1136073600.5", 1_136_073_600_500_000_000n],
    ["1136073600.1234567899", 1_136_073_600_123_456_789n],
    ["+5", 5_000_000_000n],
    ["-5", -5_000_000_000n],
    ["2006-01-01T00:00:00Z", 1_136_073_600_000_000_000n],
    ["2006-01-01T01:00:00.25+01:00", 1_136_073_600_250_000_000n],
  ])("%s", (text, ns) => {
    expect(parseTimestampNs(text)).toBe(ns);
  });

  test.each(["", "0"])("%p is no bound", (text) => {
    expect(parseTimestampNs(text)).toBeUndefined();
  });

  test.each(["yesterday", "10m", "1.", ".5", "1e9", "2006-13-01T00:00:00Z", "999999999999", "1 "])(
    "%p is refused",
    (text) => {
      expect(() => parseTimestampNs(text)).toThrow("failed to parse value as time or duration");
    },
  );
});
