import { configPath, readConfig } from "./credentials/config-file.ts";
import type { CallerEnvironment } from "./environment-files.ts";
import { type Filters, filters } from "./flags.ts";
import { splitOnce } from "./values/words.ts";

export const PRUNE_FILTER = filters("Only what the conditions fit (until=24h, label=key)", {});

/** The filters of the line and those that the settings file has for every prune; a label of the line outweighs its opposite. */
export function pruneFilters(given: Filters | undefined, environment: CallerEnvironment): Filters {
  let all: Filters = given ?? {};
  for (const entry of readConfig(configPath(environment)).pruneFilters ?? []) {
    const [key, value, separated] = splitOnce(entry, "=");
    const opposite = key === "label" ? "label!" : key === "label!" ? "label" : undefined;
    if (!separated || (opposite !== undefined && given?.[opposite]?.[value] === true)) continue;
    all = { ...all, [key]: { ...all[key], [value]: true } };
  }
  return all;
}

/** As a query's `filters`; undefined where there are none. */
export const filtersText = (all: Filters) =>
  Object.keys(all).length === 0 ? undefined : JSON.stringify(all);
