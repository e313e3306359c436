import { type ParseArgsConfig, parseArgs } from "node:util";
import { EngineError } from "../base/errors.ts";

/** One flag, spelled as Docker's. `list` repeats; `count`-less numbers are strings that the command reads. */
export interface Flag {
  readonly type: "bool" | "string" | "list";
  readonly short?: string;
  readonly help: string;
  /** What the help shows behind the name, `string` by default. */
  readonly placeholder?: string;
}

export type FlagTable = Readonly<Record<string, Flag>>;

export type FlagValues<T extends FlagTable> = {
  readonly [K in keyof T]: T[K]["type"] extends "bool"
    ? boolean | undefined
    : T[K]["type"] extends "list"
      ? readonly string[]
      : string | undefined;
};

export interface Usage {
  /** `run [OPTIONS] IMAGE [COMMAND] [ARG...]` */
  readonly usage: string;
  readonly summary: string;
  readonly flags: FlagTable;
  /** How many positional arguments: least and most. */
  readonly positionals: readonly [number, number];
  /** Everything from the first positional on belongs to it (`run`, `create`, `exec`). */
  readonly stopAtPositional?: boolean;
}

/** Wrong use of a command; the CLI prints the message and a hint, and exits with 125 (`run`-like) or 1. */
export class UsageError extends EngineError {
  constructor(message: string) {
    super("invalid", message);
  }
}

/** Thrown for `--help`. */
export class HelpRequested extends Error {}

const BOOLEAN: Readonly<Record<string, boolean>> = {
  "1": true,
  t: true,
  T: true,
  true: true,
  TRUE: true,
  True: true,
  "0": false,
  f: false,
  F: false,
  false: false,
  FALSE: false,
  False: false,
};

/**
 * Parses a command's arguments as the docker command does (Go's pflag): combined short flags, `--flag=value`,
 * `--bool=false`, `--`. Splitting the words is `node:util`'s parseArgs; this adds what pflag does beyond it.
 * Throws UsageError in pflag's words and HelpRequested.
 */
export function parseArguments<T extends FlagTable>(
  command: Usage & { readonly flags: T },
  args: readonly string[],
): { readonly flags: FlagValues<T>; readonly positionals: readonly string[] } {
  const options = optionsOf(command.flags);
  const own = command.stopAtPositional === true ? args.slice(0, firstPositional(args, options)) : args;
  const rest = args.slice(own.length);
  const { tokens } = parseArgs({
    args: [...own],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values = new Map<string, string[] | boolean>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind === "option") setFlag(command.flags, values, token);
  }
  positionals.push(...rest);
  checkCount(command, positionals.length);
  return { flags: collect(command.flags, values), positionals };
}

function optionsOf(flags: FlagTable): NonNullable<ParseArgsConfig["options"]> {
  const entries = Object.entries(flags).map(([name, flag]) => {
    const option = { type: flag.type === "bool" ? ("boolean" as const) : ("string" as const) };
    return [name, flag.short === undefined ? option : { ...option, short: flag.short }];
  });
  return Object.fromEntries([...entries, ["help", { type: "boolean" }]]);
}

/** Index of the first word that is neither a flag nor a flag's value; `--` itself is skipped over. */
function firstPositional(args: readonly string[], options: NonNullable<ParseArgsConfig["options"]>): number {
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  return tokens.find((token) => token.kind === "positional")?.index ?? args.length;
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
}

function setFlag(flags: FlagTable, values: Map<string, string[] | boolean>, token: OptionToken): void {
  if (token.name === "help") throw new HelpRequested();
  const flag = flags[token.name];
  if (flag === undefined) {
    const isShort = !token.rawName.startsWith("--");
    throw new UsageError(
      isShort
        ? `unknown shorthand flag: '${token.name}' in ${token.rawName}`
        : `unknown flag: ${token.rawName}`,
    );
  }
  if (flag.type === "bool") {
    const value = token.value === undefined ? true : BOOLEAN[token.value];
    if (value === undefined) {
      throw new UsageError(
        `invalid argument ${JSON.stringify(token.value)} for "${flagLabel(token.name, flag)}" flag: strconv.ParseBool: parsing ${JSON.stringify(token.value)}: invalid syntax`,
      );
    }
    values.set(token.name, value);
    return;
  }
  if (token.value === undefined) throw new UsageError(`flag needs an argument: ${token.rawName}`);
  const earlier = values.get(token.name);
  values.set(
    token.name,
    flag.type === "list" && Array.isArray(earlier) ? [...earlier, token.value] : [token.value],
  );
}

const flagLabel = (name: string, flag: Flag) =>
  flag.short === undefined ? `--${name}` : `-${flag.short}, --${name}`;

function collect<T extends FlagTable>(flags: T, values: Map<string, string[] | boolean>): FlagValues<T> {
  const entries = Object.entries(flags).map(([name, flag]) => {
    const value = values.get(name);
    if (flag.type === "bool") return [name, value];
    if (flag.type === "list") return [name, Array.isArray(value) ? value : []];
    return [name, Array.isArray(value) ? value[0] : undefined];
  });
  return Object.fromEntries(entries) as FlagValues<T>;
}

function checkCount(command: Usage, count: number): void {
  const [least, most] = command.positionals;
  if (count >= least && count <= most) return;
  const name = `berth ${command.usage.split(" ")[0]}`;
  const plural = (n: number) => `${n} argument${n === 1 ? "" : "s"}`;
  if (most === 0) throw new UsageError(`"${name}" accepts no arguments`);
  if (least === most) throw new UsageError(`"${name}" requires ${plural(least)}`);
  if (count < least) throw new UsageError(`"${name}" requires at least ${plural(least)}`);
  throw new UsageError(`"${name}" requires at most ${plural(most)}`);
}

/** The text of `--help`. */
export function helpText(command: Usage): string {
  const rows = Object.entries({ ...command.flags, help: { type: "bool", help: "Print usage" } as Flag })
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, flag]) => {
      const short = flag.short === undefined ? "   " : `-${flag.short},`;
      const value =
        flag.type === "bool" ? "" : ` ${flag.placeholder ?? (flag.type === "list" ? "list" : "string")}`;
      return [`  ${short} --${name}${value}`, flag.help] as const;
    });
  const width = Math.max(...rows.map(([left]) => left.length)) + 3;
  const lines = rows.map(([left, help]) => left.padEnd(width) + help);
  return `Usage:  berth ${command.usage}\n\n${command.summary}\n\nOptions:\n${lines.join("\n")}\n`;
}
