/**
 * Moments as the Engine API writes them (RFC 3339, always UTC) from and to nanoseconds since the epoch, which a Date
 * cannot hold.
 */
const NS_PER_MS = 1_000_000n;
const NS_PER_SECOND = 1_000_000_000n;

/** Go's zero time, which stands for "never" all over the API. */
export const NEVER = "0001-01-01T00:00:00Z";

/** `2026-11-21T05:57:57` and the nanoseconds of that second as nine digits. */
function split(ns: bigint): { seconds: string; fraction: string } {
  const fraction = ((ns % NS_PER_SECOND) + NS_PER_SECOND) % NS_PER_SECOND;
  const seconds = new Date(Number((ns - fraction) / NS_PER_MS)).toISOString().slice(0, -5);
  return { seconds, fraction: fraction.toString().padStart(9, "0") };
}

/** Go's RFC3339Nano: up to nine digits after the point, none for a whole second. 0n gives NEVER. */
export function formatRfc3339Nano(ns: bigint): string {
  if (ns === 0n) return NEVER;
  const { seconds, fraction } = split(ns);
  const digits = fraction.replace(/0+$/, "");
  return digits === "" ? `${seconds}Z` : `${seconds}.${digits}Z`;
}

/** Always nine digits, as `docker logs --timestamps` prints them so that lines align. */
export function formatRfc3339Fixed(ns: bigint): string {
  const { seconds, fraction } = split(ns);
  return `${seconds}.${fraction}Z`;
}

const RFC3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/;

/** Nanoseconds since the epoch; undefined for text that is no RFC 3339 moment. Digits beyond the ninth are cut off. */
export function parseRfc3339Nano(text: string): bigint | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [, seconds = "", fraction = "", zone = ""] = match;
  const milliseconds = Date.parse(seconds + zone);
  if (Number.isNaN(milliseconds)) return undefined;
  return BigInt(milliseconds) * NS_PER_MS + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
}
