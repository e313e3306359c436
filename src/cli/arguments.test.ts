import { expect, test } from "bun:test";
import { HelpRequested, helpText, parseArguments } from "./arguments.ts";

const RUN = {
  usage: "run [OPTIONS] IMAGE [COMMAND] [ARG...]",
  summary: "Run",
  flags: {
    interactive: { type: "bool", short: "i", help: "" },
    tty: { type: "bool", short: "t", help: "" },
    rm: { type: "bool", help: "" },
    env: { type: "list", short: "e", help: "" },
    name: { type: "string", help: "the name" },
    user: { type: "string", short: "u", help: "" },
  },
  positionals: [1, Number.POSITIVE_INFINITY],
  stopAtPositional: true,
} as const;

const cases: readonly (readonly [string, object, string[]])[] = [
  ["image", {}, ["image"]],
  ["-it image sh -c x", { interactive: true, tty: true }, ["image", "sh", "-c", "x"]],
  ["--rm=false --name=a image --name b", { rm: false, name: "a" }, ["image", "--name", "b"]],
  ["-e A=1 -eB=2 --env C=3 image", { env: ["A=1", "B=2", "C=3"] }, ["image"]],
  ["-u 0 --rm -- image -x", { user: "0", rm: true }, ["image", "-x"]],
  ["--name a --name b image", { name: "b" }, ["image"]],
];

test.each(cases)("parses %s", (line, flags, positionals) => {
  const parsed = parseArguments(RUN, line.split(" "));
  expect(parsed.positionals).toEqual(positionals);
  expect(parsed.flags).toMatchObject(flags);
});

const refused: readonly (readonly [string, string])[] = [
  ["--nonsense image", "unknown flag: --nonsense"],
  ["-Z image", "unknown shorthand flag: 'Z' in -Z"],
  ["--rm=maybe image", "strconv.ParseBool"],
  ["--name", "flag needs an argument: --name"],
  ["--rm", '"berth run" requires at least 1 argument'],
];

test.each(refused)("refuses %s", (line, message) => {
  expect(() => parseArguments(RUN, line.split(" "))).toThrow(message);
});

test("--help is not an error", () => {
  expect(() => parseArguments(RUN, ["--help"])).toThrow(HelpRequested);
  expect(helpText(RUN)).toContain("      --name string   the name");
});
