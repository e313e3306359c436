/** The frame of a privileged or e2e file: one daemon with a busybox image, and a machine left as it was found. */
import { afterAll, beforeAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestDaemon } from "./daemon.ts";
import { busyboxTar } from "./images.ts";
import { leftBehind, type MachineState, machineState } from "./machine.ts";

export const BUSYBOX = "busybox:latest";
/** Every run of this slice names its network: bridges are not there yet. */
export const NONE = ["--network", "none"] as const;

export interface Fixture {
  readonly daemon: TestDaemon;
  /** A directory for the test's own files. */
  readonly scratch: string;
}

/** Registers beforeAll and afterAll; the daemon is there when the first test runs. */
export function withDaemon(): Fixture {
  const scratch = mkdtempSync(join(tmpdir(), "berth-test-"));
  const daemon = new TestDaemon();
  let before: MachineState;
  beforeAll(async () => {
    before = machineState();
    await daemon.start();
    await daemon.mustDocker("import", await busyboxTar(scratch), BUSYBOX);
  }, 60_000);
  afterAll(async () => {
    await daemon.dispose();
    rmSync(scratch, { recursive: true, force: true });
    await expectAsFound(before);
  }, 60_000);
  return { daemon, scratch };
}

const SETTLING_MS = 2000;

/** Other engines may be at work here: what they are just making or removing passes, what was left behind stays. */
async function expectAsFound(before: MachineState): Promise<void> {
  const deadline = Date.now() + SETTLING_MS;
  for (;;) {
    const left = leftBehind(before, machineState()).filter((line) => !line.startsWith("descriptors"));
    if (left.length === 0) return;
    if (Date.now() > deadline) throw new Error(`left on the machine:\n${left.join("\n")}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
