import { constants } from "node:os";
import { EngineError } from "../../../base/errors.ts";

const REAL_TIME = /^RTM(?:IN(?:\+([0-9]|1[0-5]))?|AX(?:-([0-9]|1[0-4]))?)$/;

/** Checks a signal's name (with or without SIG) or number; it is kept as written. Throws invalid `Invalid signal: X`. */
export function checkSignal(text: string): string {
  const invalid = new EngineError("invalid", `Invalid signal: ${text}`);
  if (/^[0-9]+$/.test(text)) {
    const number = Number(text);
    if (number < 1 || number > 64) throw invalid;
    return text;
  }
  const name = text.toUpperCase().replace(/^SIG/, "");
  if (!Object.hasOwn(constants.signals, `SIG${name}`) && !REAL_TIME.test(name)) throw invalid;
  return text;
}
