import { EngineError } from "../../base/errors.ts";

/** Waits for work that is shared with others: when `signal` aborts, this caller leaves with `canceled` and the work goes on. */
export function waitUnlessCanceled<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(new EngineError("canceled", "canceled", { cause: signal.reason }));
    if (signal.aborted) leave();
    signal.addEventListener("abort", leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
}

/** Work that nobody's signal ends gets a limit of its own, and its end is not the caller's doing: unavailable, not canceled. */
export async function withinTime<T>(
  limitMs: number,
  what: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const signal = AbortSignal.timeout(limitMs);
  try {
    return await work(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new EngineError("unavailable", `${what}: context deadline exceeded`, { cause: error });
  }
}
