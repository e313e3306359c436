import { EngineError } from "./errors.ts";

const BINARY_UNITS: Readonly<Record<string, number>> = { "": 0, b: 0, k: 1, m: 2, g: 3, t: 4, p: 5 };
const SIZE = /^(\d+(?:\.\d+)?) ?([bkmgtp]?)(?:i?b)?$/i;

/** `64m` → bytes, binary units, as Docker's RAMInBytes. Throws invalid `invalid size: '64x'`. */
export function parseSize(text: string): number {
  const match = SIZE.exec(text.trim());
  const power = match === null ? undefined : BINARY_UNITS[(match[2] ?? "").toLowerCase()];
  if (match === null || power === undefined) throw new EngineError("invalid", `invalid size: '${text}'`);
  return Math.trunc(Number(match[1]) * 1024 ** power);
}

const DECIMAL_NAMES = ["B", "kB", "MB", "GB", "TB", "PB"];

/** Bytes for people, decimal units with four digits, as Docker's HumanSize: `170MB`, `1.093kB`. */
export function humanSize(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < DECIMAL_NAMES.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${Number(size.toPrecision(4))}${DECIMAL_NAMES[unit]}`;
}

/** How long ago, in words, as Docker's HumanDuration: `Less than a second`, `5 minutes`, `About an hour`. */
export function humanDuration(seconds: number): string {
  const whole = Math.trunc(seconds);
  if (whole < 1) return "Less than a second";
  if (whole === 1) return "1 second";
  if (whole < 60) return `${whole} seconds`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(seconds / 3600);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(seconds / 3600 / 24 / 365)} years`;
}
