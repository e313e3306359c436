/** Waiting for what comes by itself, by asking again and again: the condition decides, never the time. */
import { readFileSync } from "node:fs";

/** Throws with `what` when it does not come true; the limit is for a broken engine, not for a slow one. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** False also for a zombie, whose parent has yet to ask for it. */
export function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX] /s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
