import { expect, test } from "bun:test";
import { parseArguments } from "./arguments.ts";
import { text, texts, toggle } from "./flags.ts";

const RUN = {
  flags: {
    interactive: toggle("", { short: "i" }),
    tty: toggle("", { short: "t" }),
    rm: toggle(""),
    env: texts("", { short: "e" }),
    name: text("the name"),
    user: text("", { short: "u" }),
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
  ["-itu 7 image", { interactive: true, tty: true, user: "7" }, ["image"]],
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
  ["--rm", "requires at least 1 argument"],
];

test.each(refused)("refuses %s", (line, message) => {
  expect(() => parseArguments(RUN, line.split(" "))).toThrow(message);
});

test("--help is seen before a wrong count, a wrong flag before --help", () => {
  expect(parseArguments(RUN, ["--help"]).help).toBe(true);
  expect(() => parseArguments(RUN, ["--nonsense", "--help"])).toThrow("unknown flag");
});
