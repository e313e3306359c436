import { EngineError } from "../../base/errors.ts";
import { scrubBlobs } from "./scrub-blobs.ts";
import type { ScrubDependencies, ScrubLines, ScrubOptions } from "./scrub-ports.ts";
import { scrubSnapshots } from "./scrub-snapshots.ts";
import { ScrubTally } from "./scrub-tally.ts";

/** `POST /berth/storage/scrub`: looks at everything that is kept, and repairs what it can where that is asked for. */
export class StorageScrub {
  private isRunning = false;

  constructor(private readonly dependencies: ScrubDependencies) {}

  /** Throws conflict while another scrub runs, canceled on `signal`. */
  async *run(options: ScrubOptions, signal: AbortSignal): ScrubLines {
    if (this.isRunning) throw new EngineError("conflict", "a scrub is already running");
    this.isRunning = true;
    try {
      const tally = new ScrubTally();
      const badBlobs = new Set<string>();
      yield* scrubBlobs(this.dependencies, options, tally, badBlobs, signal);
      if (options.snapshots) yield* scrubSnapshots(this.dependencies, options, tally, badBlobs, signal);
      yield tally.total;
    } finally {
      this.isRunning = false;
    }
  }
}
