import { expect, test } from "bun:test";
import { ansicTime, fixedTime, goTime } from "./render/times.ts";
import { unixTime } from "./times.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const inZone = (date: string) => String(new Date(date).getTime() / 1000);

test.each([
  [undefined, undefined],
  ["1577836800.5", "1577836800.5"],
  ["0", "0"],
  ["10s", `${NOW / 1000 - 10}.000000000`],
  ["1h30m", `${NOW / 1000 - 5400}.000000000`],
  ["2013-01-02T13:23:37Z", "1357133017.000000000"],
  ["2013-01-02T13:23:37.123456789Z", "1357133017.123456789"],
  ["2013-01-02T13:23:37+01:00", "1357129417.000000000"],
  // Without a zone it is the caller's.
  ["2013-01-02", `${inZone("2013-01-02T00:00:00")}.000000000`],
  ["2013-01-02T13:23", `${inZone("2013-01-02T13:23:00")}.000000000`],
])("%s", (text, seconds) => expect(unixTime(text, NOW)).toBe(seconds as string));

test.each(["x", "2013-13-01", "yesterday", "10 s"])("%s is no time", (text) => {
  expect(() => unixTime(text)).toThrow(`failed to parse value as time or duration: "${text}"`);
});

test("times are shown in the caller's zone, nanoseconds to the last digit", () => {
  const seconds = Date.UTC(2026, 10, 21, 6, 43, 40) / 1000;
  const text = fixedTime(`${seconds}595000001`);
  expect(text).toEndWith(new Date().getTimezoneOffset() === 0 ? ".595000001Z" : text.slice(19));
  expect(Date.parse(`${text.slice(0, 19)}${text.slice(29)}`) / 1000).toBe(seconds);
  expect(goTime(seconds)).toMatch(/^2026-11-2[12] \d\d:\d\d:40 [+-]\d{4} \S+$/);
  expect(ansicTime("2026-11-02T06:43:39Z")).toBe("Mon Nov  2 06:43:39 2026");
  expect(ansicTime("unknown")).toBe("unknown");
});
