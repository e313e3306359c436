import { ValueError } from "./failure.ts";
import { parseBool } from "./values/numbers.ts";

/** One flag of a command: its spelling on the line and how the text behind it becomes a value. */
export interface Flag<T = unknown> {
  readonly help: string;
  /** One letter: `-f`. */
  readonly short: string | undefined;
  /** What --help shows behind the name; undefined for a switch, which needs no text behind it. */
  readonly placeholder: string | undefined;
  /** An older spelling that still works and is not shown; `since` names what took its place. */
  readonly hidden: boolean;
  readonly since: string | undefined;
  readonly initial: T;
  /** Takes one more text; `earlier` is the value so far. Throws ValueError. */
  read(text: string, earlier: T): T;
}

export type FlagTable = Readonly<Record<string, Flag>>;

export type FlagValues<T extends FlagTable> = {
  readonly [K in keyof T]: T[K] extends Flag<infer V> ? V : never;
};

interface FlagExtras {
  readonly short?: string;
  readonly placeholder?: string;
  readonly hidden?: boolean;
  readonly since?: string;
}

function defineFlag<T>(
  help: string,
  placeholder: string | undefined,
  initial: T,
  read: (text: string, earlier: T) => T,
  extras: FlagExtras,
): Flag<T> {
  return {
    help,
    short: extras.short,
    placeholder: extras.placeholder ?? placeholder,
    hidden: extras.hidden ?? extras.since !== undefined,
    since: extras.since,
    initial,
    read,
  };
}

/** `--flag`, `--flag=false`. */
export function toggle(help: string, extras: FlagExtras = {}): Flag<boolean | undefined> {
  return defineFlag<boolean | undefined>(help, undefined, undefined, (text) => parseBool(text), extras);
}

export function text(help: string, extras: FlagExtras = {}): Flag<string | undefined> {
  return defineFlag<string | undefined>(help, "string", undefined, (value) => value, extras);
}

/** A flag that may be given several times; `check` throws for a text that is none or gives its final form. */
export function texts(
  help: string,
  extras: FlagExtras = {},
  check: (text: string) => string = (value) => value,
): Flag<readonly string[]> {
  return several("list", help, check, extras);
}

/** One value with a reader of its own; the last one given counts. */
export function value<T>(
  placeholder: string,
  help: string,
  read: (text: string) => T,
  extras: FlagExtras = {},
): Flag<T | undefined> {
  return defineFlag<T | undefined>(help, placeholder, undefined, (given) => read(given), extras);
}

/** Several values with a reader of their own. */
export function several<T>(
  placeholder: string,
  help: string,
  read: (text: string) => T,
  extras: FlagExtras = {},
): Flag<readonly T[]> {
  return defineFlag<readonly T[]>(
    help,
    placeholder,
    [],
    (given, earlier) => [...earlier, read(given)],
    extras,
  );
}

/** `--filter key=value`, repeated: the `filters` parameter of the API as an object; undefined without any. */
export type Filters = Readonly<Record<string, Readonly<Record<string, boolean>>>>;

export function filters(
  help = "Show only what the conditions fit",
  extras: FlagExtras = { short: "f" },
): Flag<Filters | undefined> {
  return defineFlag<Filters | undefined>(
    help,
    "filter",
    undefined,
    (given, earlier) => {
      if (given === "") return earlier;
      const at = given.indexOf("=");
      if (at < 0) throw new ValueError("bad format of filter (expected name=value)");
      const key = given.slice(0, at).trim().toLowerCase();
      return { ...earlier, [key]: { ...earlier?.[key], [given.slice(at + 1).trim()]: true } };
    },
    extras,
  );
}

export const FORMAT_HELP = "Print with a template: 'json', or a template of Go's text/template";
export const LIST_FORMAT_HELP = `${FORMAT_HELP}; 'table TEMPLATE' puts a header above it`;
