import { expect, test } from "bun:test";
import { parseExitRecord } from "./exit-record.ts";

test("a record as a shim writes it", () => {
  const text =
    "berth-exit 1 code=137 signal=9 oom=1 started=1767323045000000001 finished=1767323046123456789\n";
  expect(parseExitRecord(text)).toEqual({
    startedAtNs: 1767323045000000001n,
    status: { code: 137, signal: 9, oomKilled: true, finishedAtNs: 1767323046123456789n },
  });
});

test.each(["", "berth-exit 1 code=0", "berth-exit 2 code=0 signal=0 oom=0 started=1 finished=2\n"])(
  "%p is no record",
  (text) => {
    expect(() => parseExitRecord(text)).toThrow("damaged");
  },
);
