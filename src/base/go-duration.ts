const UNIT_NS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
/** Go keeps them in 64 bits with a sign; above 2^53 (104 days) a number here is exact to some nanoseconds. */
const MAX_NS = 2 ** 63;
const PART = /([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)/y;

/**
 * Nanoseconds of `1h30m`, `-5s`, `0`; undefined for anything else. Command line and daemon read durations alike.
 * Source: Go's time.ParseDuration.
 */
export function parseGoDuration(text: string): number | undefined {
  const sign = text.startsWith("-") ? -1 : 1;
  const body = text.replace(/^[+-]/, "");
  if (body === "0") return 0;
  if (body === "" || body.length > 64) return undefined;
  let total = 0;
  PART.lastIndex = 0;
  while (PART.lastIndex < body.length) {
    const match = PART.exec(body);
    if (match === null) return undefined;
    total += Number(match[1]) * (UNIT_NS[match[2] ?? ""] ?? Number.NaN);
  }
  return total < MAX_NS ? sign * Math.round(total) : undefined;
}

/** `1h2m3s`, `45s`, `0s`: whole seconds as Go's Duration.String prints them. */
export function formatGoSeconds(seconds: number): string {
  const hours = Math.trunc(seconds / 3600);
  const minutes = Math.trunc((seconds % 3600) / 60);
  const rest = `${seconds % 60}s`;
  if (hours > 0) return `${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}
