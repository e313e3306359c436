import { expect, test } from "bun:test";
import { backoffMs, isPassingStatus, REAL_WAITING, retryAfterMs } from "./backoff.ts";

test("delays double, with chance in their upper half, up to a limit", () => {
  expect([1, 2, 3, 4].map((attempt) => backoffMs(attempt, 0))).toEqual([125, 250, 500, 1000]);
  expect([1, 2, 3, 4].map((attempt) => backoffMs(attempt, 1))).toEqual([250, 500, 1000, 2000]);
  expect(backoffMs(50, 1)).toBe(16_000);
});

test.each([
  ["3", 3000],
  ["0", 0],
  ["61", "too long"],
  ["99999999999", undefined],
  ["Thu, 01 Jan 1970 00:00:12 GMT", 2000],
  ["Thu, 01 Jan 1970 00:00:01 GMT", 0],
  ["Fri, 01 Jan 2100 00:00:01 GMT", "too long"],
  ["soon", undefined],
  [null, undefined],
] as const)("Retry-After %s is %p", (header, expected) =>
  expect(retryAfterMs(header, 10_000)).toBe(expected),
);

test("only passing failures are tried again", () => {
  expect([408, 429, 500, 502, 503, 504].every(isPassingStatus)).toBe(true);
  expect([200, 206, 400, 401, 403, 404, 416, 501, 505].some(isPassingStatus)).toBe(false);
});

test("a wait ends with its signal", async () => {
  const abort = new AbortController();
  const wait = REAL_WAITING.sleep(60_000, abort.signal);
  abort.abort();
  await expect(wait).rejects.toMatchObject({ kind: "canceled" });
});
