/**
 * Checks of decoded JSON against the wire types, as strict as Go's decoder and as lenient: field names match in any case,
 * unknown fields and nulls are dropped, a wrong type is an error that names the field.
 */
import { EngineError } from "../base/errors.ts";

/** Returns the value in its type or throws invalid. `path` is the field's name for the message. */
export type Shape<T> = (value: unknown, path: string) => T;

export const text: Shape<string> = (value, path) => {
  if (typeof value !== "string") throw mismatch(value, path, "string");
  return value;
};

/** A text of which the type system knows the words; whether it is one of them is the engine's to say. */
export function word<T extends string>(): Shape<T> {
  return text as Shape<T>;
}

export const flag: Shape<boolean> = (value, path) => {
  if (typeof value !== "boolean") throw mismatch(value, path, "bool");
  return value;
};

export const integer: Shape<number> = (value, path) => {
  if (typeof value !== "number" || !Number.isInteger(value)) throw mismatch(value, path, "int64");
  return value;
};

/** Rows and columns. */
export const size2: Shape<[number, number]> = (value, path) => {
  const [first, second] = list(unsigned)(value, path);
  return [first ?? 0, second ?? 0];
};

const unsigned: Shape<number> = (value, path) => {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) throw mismatch(value, path, "uint");
  return value;
};

/** An object whose content is checked later, by the one that uses it. */
export const anyObject: Shape<Record<string, unknown>> = (value, path) => {
  if (!isObject(value)) throw mismatch(value, path, "map[string]interface {}");
  return value;
};

export function list<T>(item: Shape<T>): Shape<T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw mismatch(value, path, "[]");
    return value.map((element: unknown) => item(element, path));
  };
}

/** A list of words, for which Docker also takes one text. */
export const textOrList: Shape<string[]> = (value, path) =>
  typeof value === "string" ? [value] : list(text)(value, path);

export function map<T>(item: Shape<T>): Shape<Record<string, T>> {
  return (value, path) => {
    if (!isObject(value)) throw mismatch(value, path, "map[string]");
    // fromEntries defines own properties: a key like __proto__ stays a key.
    return Object.fromEntries(Object.entries(value).map(([key, element]) => [key, item(element, path)]));
  };
}

export function nullable<T>(item: Shape<T>): Shape<T | null> {
  return (value, path) => (value === null ? null : item(value, path));
}

/** A shape for every field of T: the compiler complains about a forgotten one. */
export type Fields<T> = { readonly [Name in keyof T]-?: Shape<Exclude<T[Name], null | undefined>> };

export function object<T extends object>(fields: Fields<T>): Shape<T> {
  const shapes = new Map<string, Shape<unknown>>(Object.entries(fields));
  const canonical = new Map([...shapes.keys()].map((name) => [name.toLowerCase(), name]));
  return (value, path) => {
    if (!isObject(value)) throw mismatch(value, path, "struct");
    const result: Record<string, unknown> = {};
    for (const [key, field] of Object.entries(value)) {
      const name = shapes.has(key) ? key : canonical.get(key.toLowerCase());
      const shape = name === undefined ? undefined : shapes.get(name);
      if (name === undefined || shape === undefined || field === null) continue;
      result[name] = shape(field, `${path}.${name}`);
    }
    return result as T;
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function mismatch(value: unknown, path: string, goType: string): EngineError {
  const kind = Array.isArray(value) ? "array" : value === null ? "null" : (KINDS[typeof value] ?? "object");
  const what = typeof value === "number" && goType.includes("int") ? `number ${value}` : kind;
  const where = path.includes(".") ? `Go struct field ${path}` : `Go value ${path}`;
  return new EngineError(
    "invalid",
    `invalid JSON: json: cannot unmarshal ${what} into ${where} of type ${goType}`,
  );
}

const KINDS: Readonly<Record<string, string>> = {
  string: "string",
  number: "number",
  boolean: "bool",
  object: "object",
};
