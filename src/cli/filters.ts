import { UsageError } from "./arguments.ts";

/** `--filter key=value`, repeated → the API's `filters` parameter; undefined without any. */
export function encodeFilters(filters: readonly string[]): string | undefined {
  if (filters.length === 0) return undefined;
  const values: Record<string, Record<string, boolean>> = {};
  for (const filter of filters) {
    const at = filter.indexOf("=");
    if (at < 0) throw new UsageError(`invalid filter '${filter}': filter must be in the form key=value`);
    const key = filter.slice(0, at).trim().toLowerCase();
    values[key] = { ...values[key], [filter.slice(at + 1).trim()]: true };
  }
  return JSON.stringify(values);
}
