/** Filters as they stand in the `filters` parameter of a list request. */
import { EngineError } from "../base/errors.ts";
import type { Filters } from "./filters.ts";

/**
 * Decodes `{"label":{"a=b":true}}` (what Go clients send) and `{"label":["a=b"]}` (what people and other clients write).
 * The booleans carry no meaning. An empty text is no filter. Throws invalid (`invalid filter`).
 */
export function decodeFilters(text: string): Filters {
  const filters = new Map<string, readonly string[]>();
  if (text === "") return filters;
  const decoded = parse(text);
  if (decoded === null) return filters;
  if (!isObject(decoded)) throw invalidFilter();
  const entries = Object.entries(decoded);
  // One form for the whole object: Go decodes it as one type or as the other.
  const asSets = entries.every(([, values]) => values === null || isSet(values));
  const asLists = entries.every(([, values]) => values === null || isList(values));
  if (!asSets && !asLists) throw invalidFilter();
  for (const [key, values] of entries) {
    if (values === null) continue;
    filters.set(key, isList(values) ? [...new Set(values)] : Object.keys(values as object));
  }
  return filters;
}

/** The form that every engine understands; undefined when there is nothing to filter by. */
export function encodeFilters(filters: Filters): string | undefined {
  if (filters.size === 0) return undefined;
  const sets = [...filters].map(([key, values]) => [
    key,
    Object.fromEntries(values.map((value) => [value, true])),
  ]);
  return JSON.stringify(Object.fromEntries(sets));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new EngineError("invalid", "invalid filter", { cause });
  }
}

function invalidFilter(): EngineError {
  return new EngineError("invalid", "invalid filter");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSet(value: unknown): value is Record<string, boolean> {
  return isObject(value) && Object.values(value).every((flag) => typeof flag === "boolean");
}

function isList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
