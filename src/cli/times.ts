import { UsageError } from "./arguments.ts";

const UNIT_SECONDS: Readonly<Record<string, number>> = {
  h: 3600,
  m: 60,
  s: 1,
  ms: 1e-3,
  us: 1e-6,
  µs: 1e-6,
  ns: 1e-9,
};

/** `42m`, `1h30m`, a date or Unix seconds → Unix seconds as the API takes them. */
export function unixTime(text: string | undefined, now = Date.now()): string | undefined {
  if (text === undefined || /^\d+(\.\d+)?$/.test(text)) return text;
  if (/^(\d+(\.\d+)?(h|m|s|ms|us|µs|ns))+$/.test(text)) {
    const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)/g)];
    const seconds = parts.reduce(
      (sum, [, amount, unit = ""]) => sum + Number(amount) * (UNIT_SECONDS[unit] ?? 0),
      0,
    );
    return (now / 1000 - seconds).toFixed(9);
  }
  const date = Date.parse(text);
  if (Number.isNaN(date)) throw new UsageError(`failed to parse value as time or duration: "${text}"`);
  return (date / 1000).toFixed(9);
}
