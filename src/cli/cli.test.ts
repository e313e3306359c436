/** What is printed, and the exit code, for lines that ask no daemon. */
import { expect, test } from "bun:test";
import { NOUNS, TOP_VERBS } from "./command-table.ts";
import { launchFailureCode } from "./commands/run.ts";
import { parseGlobalArguments } from "./global-flags.ts";
import { runScripted } from "./testing/scripted-cli.ts";

async function run(...argv: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const { requests, ...result } = await runScripted(argv);
  expect(requests).toEqual([]);
  return result;
}

test("each style of failure", async () => {
  expect(await run("nonsense")).toEqual({
    code: 1,
    out: "",
    err: "berth: unknown command: berth nonsense\n\nRun 'berth --help' for more information\n",
  });
  expect(await run("container", "nonsense")).toEqual({
    code: 1,
    out: "",
    err: "berth: unknown command: berth container nonsense\n\nUsage:  berth container\n\nRun 'berth container --help' for more information\n",
  });
  expect(await run("container", "list", "--nonsense")).toEqual({
    code: 125,
    out: "",
    err: "unknown flag: --nonsense\n\nUsage:  berth container ls [OPTIONS]\n\nRun 'berth container ls --help' for more information\n",
  });
  expect(await run("stop")).toMatchObject({
    code: 1,
    err: "berth: 'berth stop' requires at least 1 argument\n\nUsage:  berth stop [OPTIONS] CONTAINER [CONTAINER...]\n\nSee 'berth stop --help' for more information\n",
  });
  expect(await run("run", "--pid", "x", "image")).toMatchObject({
    code: 125,
    err: "berth: --pid: invalid PID mode\n\nRun 'berth run --help' for more information\n",
  });
  expect(await run("run", "-it", "image")).toMatchObject({ code: 1, err: "the input device is not a TTY\n" });
  expect(await run("inspect", "-f", "{{", "x")).toMatchObject({
    code: 64,
    err: "template parsing error: template: :1: unclosed action\n",
  });
});

test("words of Object's own are no commands", async () => {
  for (const word of ["constructor", "__proto__", "toString"]) {
    expect((await run(word)).code).toBe(1);
    expect((await run("container", word)).code).toBe(1);
    expect((await run("ps", `--${word}`)).code).toBe(125);
  }
});

const EVERY = [
  ...Object.keys(TOP_VERBS).map((verb) => [verb]),
  ...Object.entries(NOUNS).flatMap(([noun, { verbs }]) => Object.keys(verbs).map((verb) => [noun, verb])),
];

test.each(EVERY)("--help of %s %s", async (...words) => {
  const { code, out, err } = await run(...words, "--help");
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toStartWith(`Usage:  berth ${words.join(" ")}`);
});

test.each([
  ['exec: "x": executable file not found in $PATH: unknown', 127],
  ["stat /x: no such file or directory", 127],
  ['exec: "/etc": is a directory: unknown: permission denied', 126],
  ["permission denied", 126],
  ["Conflict.", 125],
] as const)("%s → %d", (message, code) => expect(launchFailureCode(message)).toBe(code));

test.each([
  [["-H", "tcp://x", "ps", "-H", "y"], { host: "tcp://x", rest: ["ps", "-H", "y"] }],
  [["--host=a", "ps"], { host: "a", rest: ["ps"] }],
  [["-Ha", "ps"], { host: "a", rest: ["ps"] }],
  [["--version"], { version: true, rest: [] }],
  [["--help", "ps"], { help: true, rest: ["ps"] }],
  [[], { host: undefined, version: false, help: false, rest: [] }],
] as const)("%j", (argv, expected) => expect(parseGlobalArguments(argv)).toMatchObject(expected));

test("flags before the command that are none", () => {
  expect(() => parseGlobalArguments(["--nonsense=1", "ps"])).toThrow("unknown flag: --nonsense");
  expect(() => parseGlobalArguments(["-H"])).toThrow("flag needs an argument: 'H' in -H");
});
