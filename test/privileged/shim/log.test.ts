/** The json-file log, driven by real output. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { Op } from "../../../src/kernel/protocol.ts";
import { launchPlan, prepare, type RunningShim, shell, withShims } from "./shim-fixture.ts";

const fixture = withShims();
const TIME = /"time":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{0,8}[1-9])?Z)"/g;

async function runWithLog(script: string, maxBytes = 0, maxFiles = 1): Promise<RunningShim> {
  const shim = await fixture.start();
  await prepare(shim);
  const log = { op: Op.LOG, args: [shim.path("log"), maxBytes, maxFiles] };
  await shim.session.launch(launchPlan(0, shell(script), [log]));
  await shim.exited;
  return shim;
}

/** The log with its times, whose form is checked, replaced by T. */
function logText(shim: RunningShim): string {
  return readFileSync(shim.path("log"), "latin1").replaceAll(TIME, '"time":"T"');
}

function line(text: string, stream = "stdout"): string {
  return `{"log":"${text}","stream":"${stream}","time":"T"}\n`;
}

describe("entries", () => {
  test("lines, both streams, an unterminated end", async () => {
    const before = Date.now();
    const shim = await runWithLog("echo hello; sleep 0.02; echo oops >&2; sleep 0.02; echo; printf 'no end'");
    expect(logText(shim)).toBe(line("hello\\n") + line("oops\\n", "stderr") + line("\\n") + line("no end"));
    const times = [...readFileSync(shim.path("log"), "utf8").matchAll(TIME)].map((match) =>
      Date.parse(match[1] ?? ""),
    );
    expect(times.length).toBe(4);
    for (const time of times) {
      expect(time).toBeGreaterThanOrEqual(before - 1);
      expect(time).toBeLessThanOrEqual(Date.now());
    }
    expect((statSync(shim.path("log")).mode & 0o777).toString(8)).toBe("640");
  });

  test("a line in pieces is one entry", async () => {
    const shim = await runWithLog(
      "printf 'one '; sleep 0.02; echo two; printf 'x' >&2; sleep 0.02; echo y >&2",
    );
    expect(logText(shim)).toBe(line("one two\\n") + line("xy\\n", "stderr"));
  });

  test.each([
    ['"\\\\\\\\', '\\"\\\\\\\\', "quote and backslash"],
    ["\\t\\b\\f\\001\\037\\177\\r", "\\u0009\\u0008\\u000c\\u0001\\u001f\x7f\\r", "control characters"],
    ["<a href=x>&", "\\u003ca href=x\\u003e\\u0026", "what HTML would take"],
    [
      "\\303\\251\\342\\202\\254\\360\\237\\230\\200",
      "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
      "UTF-8 of two, three and four bytes",
    ],
    ["\\342\\200\\250\\342\\200\\251\\342\\200\\252", "\\u2028\\u2029\xe2\x80\xaa", "JavaScript's line ends"],
    ["a\\377b\\300\\200c", "a\\ufffdb\\ufffd\\ufffdc", "bytes that are never UTF-8"],
    ["\\355\\240\\200", "\\ufffd\\ufffd\\ufffd", "a surrogate"],
    ["\\364\\220\\200\\200", "\\ufffd\\ufffd\\ufffd\\ufffd", "above U+10FFFF"],
    ["\\340\\237\\277\\360\\217\\277\\277", "\\ufffd".repeat(7), "overlong forms"],
    ["\\342\\202", "\\ufffd\\ufffd", "a sequence that is cut off"],
    ["a\\000b", "a\\u0000b", "NUL"],
  ])("%s is written as %s (%s)", async (printed, expected) => {
    const shim = await runWithLog(`printf '${printed.replaceAll("%", "%%")}\\n'`);
    expect(logText(shim)).toBe(line(`${expected}\\n`));
  });

  test.each([
    [16383, ["16383n"]],
    [16384, ["16384", "0n"]],
    [16385, ["16384", "1n"]],
    [40000, ["16384", "16384", "7232n"]],
  ])("a line of %d bytes is cut into entries of 16 KiB", async (length, expected) => {
    const shim = await runWithLog(`head -c ${length} /dev/zero | tr '\\0' x; echo`);
    const entries = readFileSync(shim.path("log"), "utf8")
      .trimEnd()
      .split("\n")
      .map((entry) => String(JSON.parse(entry).log));
    expect(entries.map((text) => text.replace(/^x*/, (run) => `${run.length}`).replace("\n", "n"))).toEqual(
      expected,
    );
  });

  test("no character is cut in two", async () => {
    const shim = await runWithLog(
      "printf a; i=0; while [ $i -lt 8192 ]; do printf '\\303\\251'; i=$((i+1)); done; echo",
    );
    const entries = readFileSync(shim.path("log"), "utf8")
      .trimEnd()
      .split("\n")
      .map((entry) => JSON.parse(entry).log);
    expect(entries).toEqual([`a${"é".repeat(8191)}`, "é\n"]);
  });

  test("a flood of short lines is whole", async () => {
    const shim = await runWithLog("seq 1 200000");
    const entries = readFileSync(shim.path("log"), "utf8").trimEnd().split("\n");
    expect(entries.length).toBe(200_000);
    expect(
      entries.every((entry, i) => entry.startsWith(`{"log":"${i + 1}\\n","stream":"stdout","time":"20`)),
    ).toBe(true);
  }, 30_000);
});

describe("rotation", () => {
  const numbersIn = (path: string) =>
    readFileSync(path, "utf8")
      .trimEnd()
      .split("\n")
      .map((entry) => Number(JSON.parse(entry).log));

  test("keeps so many files of at most so many bytes, oldest last, without a gap", async () => {
    const shim = await runWithLog("seq 1 2000", 10_000, 4);
    const paths = ["log.3", "log.2", "log.1", "log"].map((name) => shim.path(name));
    const numbers = paths.flatMap(numbersIn);
    expect(numbers.at(-1)).toBe(2000);
    const first = numbers[0] ?? 0;
    expect(numbers).toEqual(Array.from({ length: 2001 - first }, (_, i) => first + i));
    for (const path of paths.slice(0, 3)) {
      expect(statSync(path).size).toBeLessThanOrEqual(10_000);
      expect(statSync(path).size).toBeGreaterThan(9_900);
    }
    expect(existsSync(shim.path("log.4"))).toBe(false);
  });

  test("one file only is emptied", async () => {
    const shim = await runWithLog("seq 1 500", 10_000, 1);
    const numbers = numbersIn(shim.path("log"));
    expect(numbers.at(-1)).toBe(500);
    expect(numbers.length).toBeLessThan(200);
    expect(existsSync(shim.path("log.1"))).toBe(false);
  });

  test("an entry that is larger than a file is written all the same", async () => {
    const shim = await runWithLog("head -c 5000 /dev/zero | tr '\\0' x; echo; echo 7", 1000, 3);
    expect(statSync(shim.path("log.1")).size).toBeGreaterThan(5000);
    expect(numbersIn(shim.path("log"))).toEqual([7]);
  });
});

test("a full disk neither stops nor ends the container", async () => {
  const shim = await fixture.start();
  await prepare(shim);
  const log = { op: Op.LOG, args: ["/dev/full", 0, 1] };
  await shim.session.launch(launchPlan(0, shell("seq 1 100000; exit 8"), [log]));
  expect(await shim.exited).toMatchObject({ code: 8 });
});
