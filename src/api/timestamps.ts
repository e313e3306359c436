/** The bounds `since` and `until` of logs and events. */
import { EngineError } from "../base/errors.ts";
import { parseRfc3339Nano } from "./rfc3339.ts";

const NS_PER_SECOND = 1_000_000_000n;
/** Eleven digits of seconds reach the year 5138. */
const UNIX_TIME = /^([+-]?[0-9]{1,11})(?:\.([0-9]+))?$/;

/**
 * Reads Unix seconds with a fraction (`1136073600.000000001`) or RFC 3339 with a zone, in nanoseconds since the epoch.
 * Durations and local times are the client's business. Undefined for an empty text and for `0`, which both mean "no
 * bound". Throws invalid.
 */
export function parseTimestampNs(text: string): bigint | undefined {
  if (text === "" || text === "0") return undefined;
  const unix = UNIX_TIME.exec(text);
  if (unix !== null) {
    const fraction = (unix[2] ?? "").slice(0, 9).padEnd(9, "0");
    // As in Docker the fraction is added, also to a negative number of seconds.
    return BigInt(unix[1]?.replace("+", "") ?? "0") * NS_PER_SECOND + BigInt(fraction);
  }
  const moment = parseRfc3339Nano(text);
  if (moment !== undefined) return moment;
  throw new EngineError("invalid", `failed to parse value as time or duration: ${JSON.stringify(text)}`);
}
