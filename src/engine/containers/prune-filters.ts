import type { Filters } from "../../api/filters.ts";
import { parseRfc3339Nano } from "../../api/rfc3339.ts";
import { EngineError } from "../../base/errors.ts";
import { parseGoDuration } from "../../base/go-duration.ts";
import type { ContainerRecord } from "./container-record.ts";

/** Which containers `until`, `label` and `label!` mean. Throws invalid. */
export function parsePruneFilters(filters: Filters, nowNs: bigint): (record: ContainerRecord) => boolean {
  for (const key of filters.keys()) {
    if (!["until", "label", "label!"].includes(key)) {
      throw new EngineError("invalid", `invalid filter '${key}'`);
    }
  }
  const until = filters.get("until") ?? [];
  if (until.length > 1) throw new EngineError("invalid", "more than one until filter specified");
  const untilNs = until[0] === undefined ? undefined : parseMoment(until[0], nowNs);
  const wanted = filters.get("label") ?? [];
  const unwanted = filters.get("label!") ?? [];
  return ({ createdAtNs, config }) => {
    const labels = config.Labels ?? {};
    if (untilNs !== undefined && createdAtNs > untilNs) return false;
    if (!wanted.every((label) => hasLabel(labels, label))) return false;
    return unwanted.length === 0 || !unwanted.every((label) => hasLabel(labels, label));
  };
}

/** `key` or `key=value`. */
export function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const at = wanted.indexOf("=");
  const key = at < 0 ? wanted : wanted.slice(0, at);
  if (!Object.hasOwn(labels, key)) return false;
  return at < 0 || labels[key] === wanted.slice(at + 1);
}

/** A duration back from now, Unix seconds with a fraction, or an RFC 3339 moment or the beginning of one (local: UTC). */
export function parseMoment(text: string, nowNs: bigint): bigint {
  const duration = parseGoDuration(text);
  if (duration !== undefined && !/^[0-9]+$/.test(text)) return nowNs - BigInt(duration);
  const seconds = /^([0-9]{1,12})(?:\.([0-9]{1,9}))?$/.exec(text);
  if (seconds !== null) {
    return BigInt(seconds[1] ?? 0) * 1_000_000_000n + BigInt((seconds[2] ?? "").padEnd(9, "0"));
  }
  const moment = parseRfc3339Nano(completed(text));
  if (moment === undefined) {
    throw new EngineError("invalid", `failed to parse value as time or duration: "${text}"`);
  }
  return moment;
}

/** `2026-11-21` and `2026-11-21T05:57` with the rest filled in. */
function completed(text: string): string {
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return `${text}T00:00:00Z`;
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(text)) return `${text}:00Z`;
  return /T.*(Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`;
}
