import { CliFailure, ValueError } from "./failure.ts";
import type { Flag, FlagTable, FlagValues } from "./flags.ts";

/** What the parser needs to know of a command. */
export interface Syntax<T extends FlagTable = FlagTable> {
  readonly flags: T;
  /** How many positional arguments: least and most. */
  readonly positionals: readonly [number, number];
  /** Everything from the first positional on belongs to it (`run`, `create`, `exec`). */
  readonly stopAtPositional?: boolean;
}

export interface ParsedArguments<T extends FlagTable> {
  readonly flags: FlagValues<T>;
  readonly positionals: readonly string[];
  /** `--help` was among them; nothing else was checked. */
  readonly help: boolean;
  /** Remarks on old spellings, each a line. */
  readonly remarks: readonly string[];
}

/**
 * Parses a command's arguments as the docker command does (Go's pflag and cobra): joined short flags, `--flag=value`,
 * `--switch=false`, `--`. Throws CliFailure in their words: a wrong flag comes before --help, --help before a wrong count.
 */
export function parseArguments<T extends FlagTable>(
  syntax: Syntax<T>,
  args: readonly string[],
): ParsedArguments<T> {
  const reader = new LineReader(syntax.flags);
  const positionals: string[] = [];
  for (let at = 0; at < args.length; ) {
    const word = args[at] ?? "";
    if (word === "--") {
      positionals.push(...args.slice(at + 1));
      break;
    }
    if (word === "-" || !word.startsWith("-")) {
      if (syntax.stopAtPositional === true) {
        positionals.push(...args.slice(at));
        break;
      }
      positionals.push(word);
      at++;
      continue;
    }
    const taken = word.startsWith("--") ? reader.long(word, args[at + 1]) : reader.short(word, args[at + 1]);
    at += taken;
  }
  if (!reader.help) checkCount(syntax.positionals, positionals.length);
  return {
    flags: reader.values as unknown as FlagValues<T>,
    positionals,
    help: reader.help,
    remarks: reader.remarks,
  };
}

/** Reads the flags of one line; each call tells how many words it used. */
class LineReader {
  readonly values: Record<string, unknown> = {};
  readonly remarks: string[] = [];
  help = false;
  readonly #flags: FlagTable;

  constructor(flags: FlagTable) {
    this.#flags = flags;
    for (const name in flags) this.values[name] = flags[name]?.initial;
  }

  long(word: string, next: string | undefined): 1 | 2 {
    const equals = word.indexOf("=");
    const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
    if (name === "" || name.startsWith("-")) throw usage(`bad flag syntax: ${word}`);
    const given = equals < 0 ? undefined : word.slice(equals + 1);
    const flag = Object.hasOwn(this.#flags, name) ? this.#flags[name] : undefined;
    if (flag === undefined) {
      if (name !== "help") throw usage(`unknown flag: --${name}`);
      this.help = given !== "false";
      return 1;
    }
    if (given !== undefined || flag.placeholder === undefined) {
      this.#set(name, flag, given ?? "true");
      return 1;
    }
    if (next === undefined) throw usage(`flag needs an argument: --${name}`);
    this.#set(name, flag, next);
    return 2;
  }

  /** `-it`, `-n5`, `-n=5`, `-n 5`. */
  short(word: string, next: string | undefined): 1 | 2 {
    for (let at = 1; at < word.length; at++) {
      const letter = word.charAt(at);
      const found = Object.entries(this.#flags).find(([, flag]) => flag.short === letter);
      if (found === undefined) {
        if (letter !== "h") throw usage(`unknown shorthand flag: '${letter}' in -${word.slice(at)}`);
        this.remarks.push("Flag shorthand -h has been deprecated, use --help");
        this.help = true;
        continue;
      }
      const [name, flag] = found;
      const rest = word.slice(at + 1);
      if (rest.startsWith("=")) {
        this.#set(name, flag, rest.slice(1));
        return 1;
      }
      if (flag.placeholder === undefined) {
        this.#set(name, flag, "true");
        continue;
      }
      if (rest !== "") {
        this.#set(name, flag, rest);
        return 1;
      }
      if (next === undefined) throw usage(`flag needs an argument: '${letter}' in -${letter}`);
      this.#set(name, flag, next);
      return 2;
    }
    return 1;
  }

  #set(name: string, flag: Flag, given: string): void {
    try {
      this.values[name] = flag.read(given, this.values[name]);
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      const label = flag.short === undefined ? `--${name}` : `-${flag.short}, --${name}`;
      throw usage(`invalid argument ${JSON.stringify(given)} for "${label}" flag: ${error.message}`);
    }
    if (flag.since !== undefined) this.remarks.push(`Flag --${name} has been deprecated, ${flag.since}`);
  }
}

const usage = (message: string) => new CliFailure(message, "usage");

function checkCount([least, most]: readonly [number, number], count: number): void {
  if (count >= least && count <= most) return;
  const plural = (n: number) => `${n} argument${n === 1 ? "" : "s"}`;
  if (most === 0) throw new CliFailure("accepts no arguments", "count");
  if (least === most) throw new CliFailure(`requires ${plural(least)}`, "count");
  if (Number.isFinite(most) && least > 0) {
    throw new CliFailure(`requires at least ${least} and at most ${plural(most)}`, "count");
  }
  if (count < least) throw new CliFailure(`requires at least ${plural(least)}`, "count");
  throw new CliFailure(`requires at most ${plural(most)}`, "count");
}
