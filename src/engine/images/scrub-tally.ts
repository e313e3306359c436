import type { ScrubFinding, ScrubProgress, ScrubTotal } from "../../api/storage-views.ts";

const PROGRESS_EVERY_MS = 500;

/** Counts what a scrub finds. */
export class ScrubTally {
  readonly total = {
    Kind: "total",
    Ok: 0,
    Damaged: 0,
    Missing: 0,
    Unverifiable: 0,
    Repaired: 0,
    Bytes: 0,
  } satisfies ScrubTotal;
  private toldAtMs = 0;

  ok(): void {
    this.total.Ok += 1;
  }

  add(finding: ScrubFinding): ScrubFinding {
    if (finding.State === "damaged") this.total.Damaged += 1;
    else if (finding.State === "missing") this.total.Missing += 1;
    else this.total.Unverifiable += 1;
    if (finding.Repair === "repaired") this.total.Repaired += 1;
    return finding;
  }

  /** A line of progress, when it is time for one. */
  *progress(stage: ScrubProgress["Stage"], done: number, of: number): Generator<ScrubProgress, void> {
    const now = Date.now();
    if (now - this.toldAtMs < PROGRESS_EVERY_MS) return;
    this.toldAtMs = now;
    yield { Kind: "progress", Stage: stage, Done: done, Of: of, Bytes: this.total.Bytes };
  }
}
