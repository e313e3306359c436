import { EngineError } from "../../../base/errors.ts";

/** Far above what anybody needs, far below what would hurt. */
const MOST_ITEMS = 10_000;
const MOST_TEXT = 1 << 20;
const MOST_DEPTH = 16;

/**
 * Looks at every text of a request, whose types were checked when it was decoded. Texts end up in launch plans, files and
 * environments, where a NUL would cut them short. Throws invalid for one, and for more than is sensible of anything.
 */
export function validateTexts(value: unknown, at: string, depth = 0): void {
  if (typeof value === "string") validateText(value, at);
  if (typeof value !== "object" || value === null) return;
  if (depth > MOST_DEPTH) throw invalid(`${at} is nested too deeply`);
  const entries = Object.entries(value);
  if (entries.length > MOST_ITEMS) {
    throw invalid(`${at} has ${entries.length} entries: at most ${MOST_ITEMS} are possible`);
  }
  for (const [key, item] of entries) {
    // As an own property it is harmless, but not after the next assignment by key.
    if (key === "__proto__") throw invalid(`${at} has the impossible key "__proto__"`);
    validateText(key, at);
    validateTexts(item, at === "" ? key : `${at}.${key}`, depth + 1);
  }
}

function validateText(text: string, at: string): void {
  if (text.includes("\0")) throw invalid(`${at} must not contain a NUL character`);
  if (text.length > MOST_TEXT) {
    throw invalid(`${at} has ${text.length} characters: at most ${MOST_TEXT} are possible`);
  }
}

function invalid(message: string): EngineError {
  return new EngineError("invalid", message);
}
