import { describe, expect, test } from "bun:test";
import { formatRfc3339Fixed, formatRfc3339Nano, NEVER, parseRfc3339Nano } from "./rfc3339.ts";

const SECOND = 1_000_000_000n;
const AT = 1_795_240_677n * SECOND;

describe("rfc3339", () => {
  test.each([
    [0n, NEVER],
    [AT, "2026-11-21T05:57:57Z"],
    [AT + 1n, "2026-11-21T05:57:57.000000001Z"],
    [AT + 120_000_000n, "2026-11-21T05:57:57.12Z"],
    [AT + 123_456_789n, "2026-11-21T05:57:57.123456789Z"],
    [-1n, "1969-12-31T23:59:59.999999999Z"],
  ])("%d is written as Go's RFC3339Nano does", (ns, text) => {
    expect(formatRfc3339Nano(ns)).toBe(text);
  });

  test("the fixed form keeps its nine digits", () => {
    expect(formatRfc3339Fixed(AT)).toBe("2026-11-21T05:57:57.000000000Z");
    expect(formatRfc3339Fixed(AT + 120_000_000n)).toBe("2026-11-21T05:57:57.120000000Z");
  });

  test.each([
    ["2026-11-21T05:57:57Z", AT],
    ["2026-11-21T05:57:57.5Z", AT + 500_000_000n],
    ["2026-11-21T05:57:57.1234567891Z", AT + 123_456_789n],
    ["2026-11-21T07:57:57.000000001+02:00", AT + 1n],
    ["2026-11-21 05:57:57Z", undefined],
    ["2026-13-21T05:57:57Z", undefined],
    ["", undefined],
  ])("%s is read", (text, ns) => {
    expect(parseRfc3339Nano(text)).toBe(ns as bigint);
  });

  test("what was written is read back", () => {
    for (const ns of [AT, AT + 7n, AT + 999_999_999n]) {
      expect(parseRfc3339Nano(formatRfc3339Nano(ns))).toBe(ns);
    }
  });
});
