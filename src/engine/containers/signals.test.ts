import { describe, expect, test } from "bun:test";
import { parseDeliverableSignal, parseSignal } from "./signals.ts";

describe("parseSignal", () => {
  test.each([
    ["KILL", 9],
    ["SIGKILL", 9],
    ["sigterm", 15],
    ["9", 9],
    ["RTMIN", 34],
    ["SIGRTMIN+3", 37],
    ["RTMAX-1", 63],
    ["rtmax", 64],
  ])("%s is %d", (text, number) => expect(parseSignal(text)).toBe(number));

  test.each(["", "0", "NOPE", "SIG", "RTMIN+16", "RTMAX-15", "RTMIN-1", "9x", "constructor", "1.5"])(
    "refuses %p",
    (text) => expect(() => parseSignal(text)).toThrow(`invalid signal: ${text}`),
  );
});

test("a number that Linux does not have cannot be delivered", () => {
  for (const text of ["65", "-1", "32", "33"]) {
    expect(() => parseDeliverableSignal(text)).toThrow("the linux daemon does not support signal");
  }
  expect(parseDeliverableSignal("64")).toBe(64);
});
