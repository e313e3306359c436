import type { Filters } from "../../api/filters.ts";
import { EngineError } from "../../base/errors.ts";
import { hasLabel, parseMoment } from "../containers/prune-filters.ts";

export interface PruneFilters {
  /** Only images without a tag; otherwise all that no container uses. */
  readonly danglingOnly: boolean;
  /** Undefined where the image passes, else which filter keeps it. */
  readonly keeps: (image: { createdMs: number; labels: Labels }) => "newer than until" | "label" | undefined;
}

type Labels = Readonly<Record<string, string>>;

const ACCEPTED = new Set(["dangling", "label", "label!", "until"]);

/** The filters of `docker image prune`. Throws invalid. */
export function parseImagePruneFilters(filters: Filters, now: Date): PruneFilters {
  for (const key of filters.keys()) {
    if (!ACCEPTED.has(key)) throw new EngineError("invalid", `invalid filter '${key}'`);
  }
  const until = filters.get("until") ?? [];
  if (until.length > 1) throw new EngineError("invalid", "more than one until filter specified");
  const nowNs = BigInt(now.getTime()) * 1_000_000n;
  const untilMs = until[0] === undefined ? undefined : Number(parseMoment(until[0], nowNs)) / 1e6;
  const wanted = filters.get("label") ?? [];
  const unwanted = filters.get("label!") ?? [];
  return {
    danglingOnly: parseDangling(filters.get("dangling") ?? []),
    keeps: ({ createdMs, labels }) => {
      if (untilMs !== undefined && createdMs > untilMs) return "newer than until";
      if (!wanted.every((label) => hasLabel(labels, label))) return "label";
      // As Docker's: an image is spared by `label!` only when it has all of them.
      return unwanted.length > 0 && unwanted.every((label) => hasLabel(labels, label)) ? "label" : undefined;
    },
  };
}

function parseDangling(values: readonly string[]): boolean {
  if (values.length === 0) return true;
  const yes = values.some((value) => value === "1" || value === "true");
  const no = values.some((value) => value === "0" || value === "false");
  if (yes === no) throw new EngineError("invalid", `invalid filter 'dangling=[${values.join(" ")}]'`);
  return yes;
}
