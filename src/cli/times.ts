import { parseGoDuration } from "../base/go-duration.ts";

const DATE =
  /^(\d{4}-\d{2}-\d{2})(?:T(\d{2})(?::(\d{2})(?::(\d{2})(?:\.(\d{1,9})\d*)?)?)?)?(Z|[+-]\d{2}:\d{2})?$/;

/**
 * `42m` ago, `2013-01-02T13:23:37Z` (in the caller's zone without one) or Unix seconds → Unix seconds as the API takes
 * them. Throws RangeError in Docker's words.
 */
export function unixTime(text: string | undefined, nowMs = Date.now()): string | undefined {
  if (text === undefined || /^-?\d+(?:\.\d+)?$/.test(text)) return text;
  const duration = parseGoDuration(text);
  if (duration !== undefined) return (nowMs / 1000 - duration / 1e9).toFixed(9);
  const match = DATE.exec(text);
  const [, day = "", hour = "00", minute = "00", second = "00", fraction = "", zone = ""] = match ?? [];
  const seconds = Date.parse(`${day}T${hour}:${minute}:${second}${zone}`) / 1000;
  if (match === null || Number.isNaN(seconds)) {
    throw new RangeError(`failed to parse value as time or duration: ${JSON.stringify(text)}`);
  }
  return `${seconds}.${fraction.padEnd(9, "0")}`;
}
