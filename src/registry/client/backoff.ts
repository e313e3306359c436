/** When a failed request is tried again, and after how long. */
import { setTimeout as sleep } from "node:timers/promises";
import { EngineError } from "../../base/errors.ts";

/** Injectable, so that tests need not wait and get the same numbers each time. */
export interface Waiting {
  now(): number;
  /** In [0, 1). */
  random(): number;
  sleep(delayMs: number, signal: AbortSignal): Promise<void>;
}

export const REAL_WAITING: Waiting = {
  now: Date.now,
  random: Math.random,
  sleep: async (delayMs, signal) => {
    try {
      await sleep(delayMs, undefined, { signal });
    } catch (cause) {
      throw new EngineError("canceled", "canceled", { cause });
    }
  },
};

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 16_000;
/** A registry that asks for more patience than this is not waited for: its answer is reported instead. */
const LONGEST_RETRY_AFTER_MS = 60_000;

/** Doubles with each failed attempt (1, 2, …); half of it is chance, so that many clients do not come back at one moment. */
export function backoffMs(failedAttempts: number, random: number): number {
  const full = Math.min(FIRST_DELAY_MS * 2 ** (failedAttempts - 1), LONGEST_DELAY_MS);
  return Math.round(full / 2 + (full / 2) * random);
}

/** Statuses that may be different the next time. */
export function isPassingStatus(status: number): boolean {
  return status === 429 || status === 408 || status === 500 || (status >= 502 && status <= 504);
}

/**
 * `Retry-After` (RFC 9110, 10.2.3), in seconds or as a date, as milliseconds from now. Undefined where there is none;
 * "too long" when waiting would take longer than anybody wants to look at.
 */
export function retryAfterMs(header: string | null, now: number): number | "too long" | undefined {
  if (header === null) return undefined;
  const text = header.trim();
  const wait = /^\d{1,10}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  if (Number.isNaN(wait)) return undefined;
  if (wait > LONGEST_RETRY_AFTER_MS) return "too long";
  return Math.max(0, wait);
}
