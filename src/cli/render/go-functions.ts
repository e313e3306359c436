import { GoNull, goJson, goQuote, goString, truth } from "./go-values.ts";

export type GoFunction = (...args: readonly unknown[]) => unknown;

/** Says what is wrong with a call; the template's position is put before it. */
export class CallError extends Error {}

const text = (value: unknown): string => {
  if (typeof value === "string") return value;
  throw new CallError(`wrong type for value; expected string; got ${typeName(value)}`);
};

const typeName = (value: unknown) => {
  if (typeof value === "number") return "int";
  if (typeof value === "boolean") return "bool";
  return Array.isArray(value) ? "[]interface {}" : "map[string]interface {}";
};

const number = (value: unknown): number => {
  if (typeof value === "number") return value;
  throw new CallError(`wrong type for value; expected int; got ${typeName(value)}`);
};

/** What Docker gives every template. */
const DOCKER_FUNCTIONS: Readonly<Record<string, GoFunction>> = {
  json: (value) => goJson(value instanceof GoNull ? null : value),
  join: (list, separator) => {
    if (list instanceof GoNull || list === null || list === undefined) return "";
    if (Array.isArray(list)) return list.map(goString).join(text(separator));
    if (typeof list === "object") return Object.values(list).map(goString).sort().join(text(separator));
    throw new CallError(`error calling join: expected slice, got ${typeName(list)}`);
  },
  split: (value, separator) => text(value).split(text(separator)),
  upper: (value) => text(value).toUpperCase(),
  lower: (value) => text(value).toLowerCase(),
  title: (value) => text(value).replace(/(?<![\p{L}\p{N}_])\p{L}/gu, (letter) => letter.toUpperCase()),
  pad: (value, before, after) =>
    value === "" ? "" : " ".repeat(number(before)) + text(value) + " ".repeat(number(after)),
  truncate: (value, length) => text(value).slice(0, number(length)),
};

/** Those of text/template itself; `and` and `or` are the evaluator's, as they do not read all of their arguments. */
const BUILT_IN: Readonly<Record<string, GoFunction>> = {
  len: (value) => {
    if (value instanceof GoNull) return 0;
    if (typeof value === "string") return new TextEncoder().encode(value).length;
    if (Array.isArray(value)) return value.length;
    if (typeof value === "object" && value !== null) return Object.keys(value).length;
    throw new CallError(`error calling len: len of type ${typeName(value)}`);
  },
  index: (value, ...keys) => keys.reduce(item, value),
  slice: (value, from = 0, to = undefined) => {
    if (typeof value !== "string" && !Array.isArray(value)) {
      throw new CallError(`error calling slice: can't slice item of type ${typeName(value)}`);
    }
    const end = to === undefined ? value.length : number(to);
    const start = number(from);
    const outside = [start, end].find((index) => index < 0 || index > value.length);
    if (outside !== undefined) throw new CallError(`error calling slice: index out of range: ${outside}`);
    if (start > end) throw new CallError(`error calling slice: invalid slice index: ${start} > ${end}`);
    return value.slice(start, end);
  },
  not: (value) => !truth(value),
  print: (...args) => printed(args, " "),
  println: (...args) => `${args.map(goString).join(" ")}\n`,
  printf: (format, ...args) => formatted(text(format), args),
  html: (...args) => printed(args, " ").replace(/[&<>"']/g, (letter) => HTML[letter] ?? letter),
  urlquery: (...args) => encodeURIComponent(printed(args, " ")).replaceAll("%20", "+"),
  eq: (first, ...others) => {
    if (others.length === 0) throw new CallError("error calling eq: missing argument for comparison");
    return others.some((other) => same(first, other));
  },
  ne: (a, b) => !same(a, b),
  lt: (a, b) => ordered(a, b) < 0,
  le: (a, b) => ordered(a, b) <= 0,
  gt: (a, b) => ordered(a, b) > 0,
  ge: (a, b) => ordered(a, b) >= 0,
};

export const FUNCTIONS: Readonly<Record<string, GoFunction>> = { ...BUILT_IN, ...DOCKER_FUNCTIONS };
export const FUNCTION_NAMES: ReadonlySet<string> = new Set([...Object.keys(FUNCTIONS), "and", "or"]);

const HTML: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&#34;",
  "'": "&#39;",
};

/** One step of `index`: a key of a map that is not there gives the empty value of its kind. */
function item(value: unknown, key: unknown): unknown {
  if (value instanceof GoNull || value === null || value === undefined) {
    throw new CallError("error calling index: index of untyped nil");
  }
  if (Array.isArray(value) || typeof value === "string") {
    const index = number(key);
    if (index < 0 || index >= value.length) {
      throw new CallError(`error calling index: index out of range: ${index}`);
    }
    return typeof value === "string" ? value.charCodeAt(index) : value[index];
  }
  if (typeof value !== "object") {
    throw new CallError(`error calling index: can't index item of type ${typeName(value)}`);
  }
  const found = Object.hasOwn(value, text(key)) ? (value as Record<string, unknown>)[text(key)] : undefined;
  if (found !== undefined) return found;
  const others = Object.values(value);
  return others.every((other) => typeof other === "string") ? "" : new GoNull("[]");
}

function same(a: unknown, b: unknown): boolean {
  if (a instanceof GoNull || b instanceof GoNull) return (a ?? null) === null || (b ?? null) === null;
  const comparable = (value: unknown) => value === null || value === undefined || typeof value !== "object";
  if (!comparable(a) || !comparable(b)) {
    throw new CallError("error calling eq: non-comparable type");
  }
  if ((a ?? null) !== null && (b ?? null) !== null && typeof a !== typeof b) {
    throw new CallError("error calling eq: incompatible types for comparison");
  }
  return (a ?? null) === (b ?? null);
}

function ordered(a: unknown, b: unknown): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  throw new CallError("error calling lt: incompatible types for comparison");
}

/** fmt.Sprint: a space only between two that are no texts. */
function printed(args: readonly unknown[], separator: string): string {
  return args
    .map((value, index) => {
      const before = args[index - 1];
      const apart = index > 0 && typeof value !== "string" && typeof before !== "string";
      return (apart ? separator : "") + goString(value);
    })
    .join("");
}

/** fmt.Sprintf for the verbs that make sense of JSON: `%s %v %d %q %t %x %f %%`, with flags and widths. */
function formatted(format: string, args: readonly unknown[]): string {
  let next = 0;
  const result = format.replace(
    /%([-+0 ]*)(\d*)(?:\.(\d+))?([a-zA-Z%])/g,
    (_, flags: string, width: string, precision: string | undefined, verb: string) => {
      if (verb === "%") return "%";
      if (next >= args.length) return `%!${verb}(MISSING)`;
      const plain = verbText(verb, args[next++], precision);
      const size = Number(width || "0");
      if (flags.includes("-")) return plain.padEnd(size);
      return plain.padStart(size, flags.includes("0") && verb !== "s" ? "0" : " ");
    },
  );
  const extra = args.slice(next).map((value) => `${typeName(value)}=${goString(value)}`);
  return extra.length === 0 ? result : `${result}%!(EXTRA ${extra.join(", ")})`;
}

function verbText(verb: string, value: unknown, precision: string | undefined): string {
  if (verb === "q") return goQuote(goString(value));
  if (verb === "x")
    return typeof value === "number" ? value.toString(16) : Buffer.from(goString(value)).toString("hex");
  if (verb === "f" && typeof value === "number") return value.toFixed(Number(precision ?? "6"));
  if (verb === "d" && typeof value !== "number") return `%!d(${typeof value}=${goString(value)})`;
  const plain = goString(value);
  return verb === "s" && precision !== undefined ? plain.slice(0, Number(precision)) : plain;
}
