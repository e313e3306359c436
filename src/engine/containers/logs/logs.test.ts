import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatRfc3339Nano } from "../../../api/rfc3339.ts";
import type { LogOptions } from "../container-use-cases.ts";
import {
  containerRecord,
  FixedContainer,
  FixedDirectory,
  processWith,
  SECOND_NS,
} from "../testing/fixed-directory.ts";
import { createLogs } from "./logs.ts";

const EVERYTHING: LogOptions = {
  stdout: true,
  stderr: true,
  follow: false,
  timestamps: false,
  sinceNs: undefined,
  untilNs: undefined,
  tail: undefined,
};
const FOLLOW = { ...EVERYTHING, follow: true };
const decoder = new TextDecoder();

let directory: string;
let path: string;
let container: FixedContainer;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "berth-logs-"));
  path = join(directory, "x-json.log");
  container = new FixedContainer(containerRecord(1), processWith({}));
  container.update({ status: "running" });
});
afterEach(() => rmSync(directory, { recursive: true }));

function entry(text: string, seconds = 1, stream = "stdout"): string {
  const time = formatRfc3339Nano(BigInt(seconds) * SECOND_NS);
  return `${JSON.stringify({ log: `${text}\n`, stream, time })}\n`;
}

const many = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => entry(String(from + at), from + at)).join("");

async function open(options: LogOptions = EVERYTHING, signal = new AbortController().signal) {
  const logs = createLogs({ directory: new FixedDirectory(container), logPathOf: () => path });
  const { entries } = await logs("name1", options, signal);
  return entries[Symbol.asyncIterator]();
}

type Entries = Awaited<ReturnType<typeof open>>;

async function next(entries: Entries): Promise<string | undefined> {
  const { done, value } = await entries.next();
  return done ? undefined : decoder.decode(value.data).trimEnd();
}

async function rest(entries: Entries): Promise<string[]> {
  const texts: string[] = [];
  for (let text = await next(entries); text !== undefined; text = await next(entries)) texts.push(text);
  return texts;
}

const read = async (options: Partial<LogOptions> = {}) => rest(await open({ ...EVERYTHING, ...options }));

/** As the shim does it. */
function rotate(files: number): void {
  for (let number = files - 1; number >= 1; number--) {
    try {
      renameSync(number === 1 ? path : `${path}.${number - 1}`, `${path}.${number}`);
    } catch {
      // Not there yet.
    }
  }
  writeFileSync(path, "");
}

describe("logs", () => {
  test("rotated files come first, oldest first", async () => {
    writeFileSync(`${path}.10`, many(0, 2));
    writeFileSync(`${path}.2`, many(2, 4));
    writeFileSync(`${path}.1`, many(4, 6));
    writeFileSync(path, many(6, 8));
    writeFileSync(`${path}.1.gz`, "not ours");
    writeFileSync(`${path}x`, many(90, 91));
    expect(await read()).toEqual(["0", "1", "2", "3", "4", "5", "6", "7"]);
  });

  test("whoever has been answered reads to the end, though the container is removed", async () => {
    writeFileSync(`${path}.1`, many(0, 2));
    writeFileSync(path, many(2, 3));
    const opened = [await open(), await open(FOLLOW)];
    appendFileSync(path, many(3, 4));
    container.stop();
    rmSync(path);
    rmSync(`${path}.1`);
    expect(await Promise.all(opened.map(rest))).toEqual([
      ["0", "1", "2"],
      ["0", "1", "2", "3"],
    ]);
  });

  test("no file and no directory: nothing was ever logged", async () => {
    expect(await read()).toEqual([]);
    path = join(directory, "none", "x-json.log");
    expect(await read()).toEqual([]);
  });

  test("streams, window and timestamps are selected", async () => {
    writeFileSync(path, entry("a", 1) + entry("b", 2, "stderr") + entry("c", 3) + entry("d", 4));
    expect(await read({ stdout: false })).toEqual(["b"]);
    expect(await read({ stderr: false })).toEqual(["a", "c", "d"]);
    const window = { ...EVERYTHING, sinceNs: 2n * SECOND_NS, untilNs: 3n * SECOND_NS, timestamps: true };
    expect(await rest(await open(window))).toEqual([
      "1970-01-01T00:00:02.000000000Z b",
      "1970-01-01T00:00:03.000000000Z c",
    ]);
  });

  test.each([
    [0, []],
    [1, ["9"]],
    [4, ["6", "7", "8", "9"]],
    [5, ["5", "6", "7", "8", "9"]],
    [7, ["3", "4", "5", "6", "7", "8", "9"]],
    [10, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]],
    [99, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]],
  ])("tail %d goes back through the files", async (tail, expected) => {
    writeFileSync(`${path}.2`, many(0, 3));
    writeFileSync(`${path}.1`, many(3, 6));
    writeFileSync(path, many(6, 10));
    expect(await read({ tail })).toEqual(expected);
  });

  test("tail across many blocks counts both streams and skips an unfinished line", async () => {
    const lines = Array.from({ length: 3000 }, (_, at) =>
      entry(`${at} ${"x".repeat(100)}`, at, at % 2 ? "stderr" : "stdout"),
    );
    writeFileSync(path, `${lines.join("")}{"log":"unfini`);
    const texts = await read({ tail: 2000, stderr: false });
    expect(texts).toHaveLength(1000);
    expect(texts[0]?.split(" ")[0]).toBe("1000");
    expect(await read({ tail: 0 })).toEqual([]);
  });

  test("a line longer than a block is whole, one longer than any entry is skipped", async () => {
    const long = "y".repeat(200_000);
    writeFileSync(path, entry("a") + entry(long) + entry("z".repeat(3_000_000)) + entry("b"));
    expect(await read()).toEqual(["a", long, "b"]);
  });

  test("characters cut in two by a block stay whole", async () => {
    const text = "é€😀".repeat(30_000);
    writeFileSync(path, entry(text));
    expect(await read()).toEqual([text]);
  });

  test("broken lines are skipped", async () => {
    writeFileSync(path, `${entry("a")}garbage\n{"log":"half${entry("b")}\n${entry("c")}`);
    expect(await read()).toEqual(["a", "b", "c"]);
  });

  test("a signal ends the reading", async () => {
    writeFileSync(path, many(0, 100));
    const stop = new AbortController();
    const entries = await open(EVERYTHING, stop.signal);
    expect(await next(entries)).toBe("0");
    stop.abort();
    expect(await next(entries)).toBeUndefined();
  });
});

describe("following logs", () => {
  test("what is added comes until the container has stopped and everything is read", async () => {
    writeFileSync(path, many(0, 2));
    const entries = await open(FOLLOW);
    expect([await next(entries), await next(entries)]).toEqual(["0", "1"]);
    const third = next(entries);
    appendFileSync(path, entry("2"));
    expect(await third).toBe("2");
    const last = rest(entries);
    appendFileSync(path, many(3, 5));
    container.stop();
    expect(await last).toEqual(["3", "4"]);
  });

  test("an unfinished line is sent once, when it is whole", async () => {
    const line = entry("whole");
    writeFileSync(path, many(0, 9) + entry("start") + line.slice(0, 20));
    const entries = await open({ ...FOLLOW, tail: 1 });
    expect(await next(entries)).toBe("start");
    const text = next(entries);
    appendFileSync(path, line.slice(20, 30));
    await new Promise((resolve) => setImmediate(resolve));
    appendFileSync(path, line.slice(30));
    expect(await text).toBe("whole");
    container.stop();
    expect(await rest(entries)).toEqual([]);
  });

  test("a torn line that was cut off again disturbs nothing", async () => {
    writeFileSync(path, entry("a"));
    const entries = await open(FOLLOW);
    expect(await next(entries)).toBe("a");
    const waiting = next(entries);
    appendFileSync(path, '{"log":"torn');
    truncateSync(path, entry("a").length);
    appendFileSync(path, entry("b"));
    expect(await waiting).toBe("b");
    container.stop();
    expect(await rest(entries)).toEqual([]);
  });

  test("rotations lose and repeat nothing, also several at once", async () => {
    const entries = await open(FOLLOW);
    const texts = rest(entries);
    for (let round = 0; round < 30; round++) {
      appendFileSync(path, many(round * 10, round * 10 + 10));
      rotate(50);
      if (round % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    appendFileSync(path, many(300, 305));
    container.stop();
    expect(await texts).toEqual(Array.from({ length: 305 }, (_, at) => String(at)));
  });

  test("a reader in the middle of a file that is removed meanwhile goes on with its successor", async () => {
    writeFileSync(path, many(0, 4));
    const entries = await open(FOLLOW);
    expect(await next(entries)).toBe("0");
    rotate(2);
    appendFileSync(path, entry("lost"));
    rotate(2);
    appendFileSync(path, many(8, 10));
    container.stop();
    const texts = await rest(entries);
    expect(texts.slice(0, 3)).toEqual(["1", "2", "3"]);
    expect(texts.slice(-2)).toEqual(["8", "9"]);
  });

  test("a log of one file begins anew when it is emptied", async () => {
    writeFileSync(path, many(0, 3));
    const entries = await open(FOLLOW);
    expect([await next(entries), await next(entries), await next(entries)]).toEqual(["0", "1", "2"]);
    const text = next(entries);
    writeFileSync(path, entry("new"));
    expect(await text).toBe("new");
    container.stop();
    expect(await rest(entries)).toEqual([]);
  });

  test("the file may come after the follower", async () => {
    const entries = await open(FOLLOW);
    const text = next(entries);
    writeFileSync(path, entry("first"));
    expect(await text).toBe("first");
    await entries.return?.(undefined);
  });

  test("a change of the container that is no end ends nothing", async () => {
    const entries = await open(FOLLOW);
    const text = next(entries);
    container.update({ status: "paused" });
    await new Promise((resolve) => setImmediate(resolve));
    container.update({ status: "running" });
    appendFileSync(path, entry("after"));
    expect(await text).toBe("after");
    container.stop();
    expect(await rest(entries)).toEqual([]);
  });

  test("a stopped container is not followed", async () => {
    writeFileSync(path, many(0, 2));
    container.stop();
    expect(await rest(await open(FOLLOW))).toEqual(["0", "1"]);
  });

  test("the signal, an entry after until, and until itself end it", async () => {
    const stop = new AbortController();
    const aborted = rest(await open(FOLLOW, stop.signal));
    stop.abort();
    expect(await aborted).toEqual([]);
    writeFileSync(path, many(1, 5));
    expect(await rest(await open({ ...FOLLOW, untilNs: 2n * SECOND_NS }))).toEqual(["1", "2"]);
    writeFileSync(path, "");
    const soon = BigInt(Date.now() + 5) * 1_000_000n;
    expect(await rest(await open({ ...FOLLOW, untilNs: soon }))).toEqual([]);
  });
});

describe("logs that cannot be read", () => {
  test("no stream", async () => {
    await expect(open({ ...EVERYTHING, stdout: false, stderr: false })).rejects.toThrow(
      "You must choose at least one stream",
    );
  });

  test("driver none", async () => {
    container.record = { ...container.record, hostConfig: { LogConfig: { Type: "none" } } };
    await expect(open()).rejects.toMatchObject({
      kind: "unimplemented",
      message: "configured logging driver does not support reading",
    });
  });

  test.each(["dead", "removing"] as const)("a container that is %s", async (status) => {
    container.update({ status });
    await expect(open()).rejects.toMatchObject({ kind: "conflict" });
  });
});
