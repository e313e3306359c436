import { describe, expect, test } from "bun:test";
import { SECOND_NS, STOPPED } from "../testing/fixed-directory.ts";
import { humanDuration, statusWords } from "./list-status.ts";

const SECOND = 1;
const MINUTE = 60;
const HOUR = 3600;
const DAY = 24 * HOUR;

describe("durations in words", () => {
  test.each([
    [-5 * SECOND, "Less than a second"],
    [0, "Less than a second"],
    [0.999, "Less than a second"],
    [1, "1 second"],
    [1.9, "1 second"],
    [45, "45 seconds"],
    [59.9, "59 seconds"],
    [60, "About a minute"],
    [119, "About a minute"],
    [2 * MINUTE, "2 minutes"],
    [59 * MINUTE + 59, "59 minutes"],
    [60 * MINUTE, "About an hour"],
    [89 * MINUTE, "About an hour"],
    [90 * MINUTE, "2 hours"],
    [47 * HOUR, "47 hours"],
    [47.5 * HOUR, "2 days"],
    [13 * DAY, "13 days"],
    [14 * DAY, "2 weeks"],
    [59 * DAY, "8 weeks"],
    [60 * DAY, "2 months"],
    [729 * DAY, "24 months"],
    [2 * 365 * DAY, "2 years"],
    [3 * 365 * DAY - 1, "2 years"],
  ])("%d seconds: %s", (seconds, words) => {
    expect(humanDuration(BigInt(Math.round(seconds * 1e9)))).toBe(words);
  });
});

describe("the status column", () => {
  const now = 10_000n * SECOND_NS;
  const ago = (seconds: number) => now - BigInt(seconds) * SECOND_NS;
  const ran = { ...STOPPED, startedAtNs: ago(7200), finishedAtNs: ago(30), exitCode: 137 };

  test.each([
    ["Created", STOPPED],
    ["Created", { ...STOPPED, exitCode: 127, error: "no such file" }],
    ["Up 3 seconds", { ...ran, status: "running", startedAtNs: ago(3) }],
    ["Up About a minute (Paused)", { ...ran, status: "paused", startedAtNs: ago(60) }],
    ["Restarting (1) 30 seconds ago", { ...ran, status: "restarting", exitCode: 1 }],
    ["Exited (137) 30 seconds ago", { ...ran, status: "exited" }],
    ["", { ...ran, status: "exited", finishedAtNs: 0n }],
    ["Removal In Progress", { ...ran, status: "removing" }],
    ["Dead", { ...ran, status: "dead" }],
  ] as const)("%s", (words, state) => {
    expect(statusWords(state, now)).toBe(words);
  });
});
