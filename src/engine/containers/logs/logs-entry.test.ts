import { describe, expect, test } from "bun:test";
import { decodeLogEntry } from "./logs-entry.ts";

const whole = '{"log":"hi \\u003c\\"q\\"\\n","stream":"stderr","time":"2026-11-21T05:57:57.5Z"}';
const decoded = { stream: "stderr", atNs: 1_795_240_677_500_000_000n, text: 'hi <"q"\n' } as const;

describe("a line of a json-file log", () => {
  test("is decoded", () => {
    expect(decodeLogEntry(whole)).toEqual(decoded);
  });

  test("is found behind half an entry", () => {
    expect(decodeLogEntry(`{"log":"cut o${whole}`)).toEqual(decoded);
  });

  test("may carry attributes", () => {
    expect(decodeLogEntry(whole.replace("}", ',"attrs":{"a":"b"}}'))).toEqual(decoded);
  });

  test("a text that looks like an entry is not taken for one", () => {
    const text = '{"log":"inner","stream":"stdout","time":"2026-11-21T05:57:57Z"}';
    const line = JSON.stringify({ log: text, stream: "stdout", time: "2026-11-21T05:57:57Z" });
    expect(decodeLogEntry(line)?.text).toBe(text);
    expect(decodeLogEntry(line.slice(0, -2))).toBeUndefined();
  });

  test.each([
    "",
    "null",
    "[]",
    '"text"',
    '{"log":"cut',
    '{"log":1,"stream":"stdout","time":"2026-11-21T05:57:57Z"}',
    '{"log":"x","stream":"stdin","time":"2026-11-21T05:57:57Z"}',
    '{"log":"x","stream":"stdout","time":"yesterday"}',
    '{"log":"x","stream":"stdout"}',
  ])("%s is no entry", (line) => {
    expect(decodeLogEntry(line)).toBeUndefined();
  });
});
