import { EngineError } from "../../base/errors.ts";

/** One image of a plan, as it was when the plan was made. */
export interface PlannedRemoval {
  readonly id: string;
  readonly names: readonly string[];
}

export interface StoredPlan {
  readonly id: string;
  readonly expiresAt: Date;
}

const PLAN_LIFE_MS = 10 * 60 * 1000;
const MAX_PLANS = 32;

/** Prunes that were shown and may be carried out: ten minutes long, the oldest makes room for the newest. */
export class PrunePlans {
  private readonly plans = new Map<
    string,
    { readonly expiresAtMs: number; readonly removals: readonly PlannedRemoval[] }
  >();

  add(removals: readonly PlannedRemoval[], now: Date): StoredPlan {
    this.forgetExpired(now);
    const oldest = this.plans.keys().next();
    if (this.plans.size >= MAX_PLANS && oldest.done !== true) this.plans.delete(oldest.value);
    const id = crypto.getRandomValues(new Uint8Array(16)).toHex();
    const expiresAtMs = now.getTime() + PLAN_LIFE_MS;
    this.plans.set(id, { expiresAtMs, removals });
    return { id, expiresAt: new Date(expiresAtMs) };
  }

  /** A plan is carried out once. Throws notFound. */
  take(id: string, now: Date): readonly PlannedRemoval[] {
    this.forgetExpired(now);
    const plan = this.plans.get(id);
    if (plan === undefined) {
      throw new EngineError(
        "notFound",
        `No such prune plan: ${id}: plans are kept for ten minutes and carried out once, ask for a new one with dry-run=1`,
      );
    }
    this.plans.delete(id);
    return plan.removals;
  }

  private forgetExpired(now: Date): void {
    for (const [id, { expiresAtMs }] of this.plans) if (expiresAtMs <= now.getTime()) this.plans.delete(id);
  }
}
