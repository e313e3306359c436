/** Moments as the Engine API writes them; inside they are nanoseconds since the epoch. */
import { EngineError } from "../base/errors.ts";

/** Go's zero time, Docker's "never". */
export const NEVER = "0001-01-01T00:00:00Z";

const NS_PER_SECOND = 1_000_000_000n;
const UNIX_TIME = /^([+-]?[0-9]{1,18})(?:\.([0-9]+))?$/;
const RFC_3339 = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d+))?(Z|[+-]\d{2}:\d{2})$/;

/**
 * Reads `since` and `until`: Unix seconds with a fraction (`1136073600.000000001`) or RFC 3339 with a zone. Durations and
 * local times are the client's business. Undefined for an empty text and for `0`, which both mean "no bound".
 * Throws invalid.
 */
export function parseTimestampNs(text: string): bigint | undefined {
  if (text === "" || text === "0") return undefined;
  const unix = UNIX_TIME.exec(text);
  if (unix !== null) {
    const seconds = BigInt(unix[1] ?? "0");
    // As in Docker the fraction is added, also to a negative number of seconds.
    return seconds * NS_PER_SECOND + fractionNs(unix[2] ?? "");
  }
  const rfc = RFC_3339.exec(text);
  if (rfc !== null) {
    const milliseconds = Date.parse(`${rfc[1]}${rfc[3]}`);
    if (!Number.isNaN(milliseconds)) return BigInt(milliseconds) * 1_000_000n + fractionNs(rfc[2] ?? "");
  }
  throw new EngineError("invalid", `failed to parse value as time or duration: ${JSON.stringify(text)}`);
}

/** RFC 3339 in UTC with as many digits as needed, Go's RFC3339Nano: `2024-05-01T10:00:00.5Z`. */
export function formatRfc3339Nano(ns: bigint): string {
  const fraction = fractionDigits(ns).replace(/0+$/, "");
  return `${wholeSeconds(ns)}${fraction === "" ? "" : `.${fraction}`}Z`;
}

/** The same with always nine digits, so that lines align: what `docker logs --timestamps` shows. */
export function formatRfc3339NanoFixed(ns: bigint): string {
  return `${wholeSeconds(ns)}.${fractionDigits(ns)}Z`;
}

function fractionNs(digits: string): bigint {
  return BigInt(digits.slice(0, 9).padEnd(9, "0"));
}

function wholeSeconds(ns: bigint): string {
  const milliseconds = Number(floorSeconds(ns)) * 1000;
  return new Date(milliseconds).toISOString().slice(0, -5);
}

function fractionDigits(ns: bigint): string {
  return (ns - floorSeconds(ns) * NS_PER_SECOND).toString().padStart(9, "0");
}

function floorSeconds(ns: bigint): bigint {
  const seconds = ns / NS_PER_SECOND;
  return ns % NS_PER_SECOND < 0n ? seconds - 1n : seconds;
}
