/** Readers of numbers as Go's strconv and Docker's units write them. All throw ValueError in their words. */
import { parseGoDuration } from "../../base/go-duration.ts";
import { parseSize } from "../../base/units.ts";
import { ValueError } from "../failure.ts";

const TRUE = ["1", "t", "T", "true", "TRUE", "True"];
const FALSE = ["0", "f", "F", "false", "FALSE", "False"];

export function parseBool(text: string): boolean {
  if (TRUE.includes(text)) return true;
  if (FALSE.includes(text)) return false;
  throw new ValueError(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

const INTEGER = /^[+-]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]*|[1-9][0-9]*)$/;

/** Whole numbers of 64 bits; what a JavaScript number cannot hold exactly is out of range for us. */
export function parseInteger(text: string): number {
  return wholeNumber(text, "ParseInt", -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
}

export function parseUint16(text: string): number {
  return wholeNumber(text, "ParseUint", 0, 0xffff);
}

function wholeNumber(text: string, reader: string, least: number, most: number): number {
  const fail = (reason: string) =>
    new ValueError(`strconv.${reader}: parsing ${JSON.stringify(text)}: ${reason}`);
  if (!INTEGER.test(text) || (least === 0 && /^[+-]/.test(text))) throw fail("invalid syntax");
  const digits = text.replace(/^[+-]/, "").replace(/^0(?=[0-7])/, "0o");
  const value = text.startsWith("-") ? -Number(digits) : Number(digits);
  if (value < least || value > most) throw fail("value out of range");
  return value;
}

/** `64m` → bytes. */
export function parseBytes(text: string): number {
  try {
    return parseSize(text);
  } catch (error) {
    throw new ValueError((error as Error).message);
  }
}

/** As parseBytes; `-1` is no limit. */
export function parseSwap(text: string): number {
  return text === "-1" ? -1 : parseBytes(text);
}

/** `1.5`, `3/2`, `5e-1` → billionths of a processor. Reckoned in whole numbers: a double would round. */
export function parseCpus(text: string): number {
  const match = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d{1,3}))?(?:\/(\d+))?$/.exec(text);
  const [, sign, whole = "", fraction = "", exponent = "0", divisor = "1"] = match ?? [];
  if (match === null || whole + fraction === "" || /^0+$/.test(divisor)) {
    throw new ValueError(`failed to parse ${text} as a rational number`);
  }
  const power = 9 - fraction.length + Number(exponent);
  const digits = BigInt(whole + fraction) * 10n ** BigInt(Math.max(0, power));
  const below = BigInt(divisor) * 10n ** BigInt(Math.max(0, -power));
  if (digits % below !== 0n) throw new ValueError("value is too precise");
  return Number(digits / below) * (sign === "-" ? -1 : 1);
}

/** `1m30s` → nanoseconds. */
export function parseDuration(text: string): number {
  const found = parseGoDuration(text);
  if (found === undefined) throw new ValueError(`time: invalid duration ${JSON.stringify(text)}`);
  return found;
}
