import type { Trees } from "../../kernel/trees.ts";
import { type OverlayOptions, OverlaySnapshots } from "./overlay.ts";
import type { SnapshotDriver } from "./snapshot-driver.ts";
import type { StorageDriver } from "./snapshot-driver-names.ts";
import { VfsSnapshots } from "./vfs.ts";

/** Opens the snapshots of a data root with the driver that was chosen for it. */
export function openSnapshots(
  driver: StorageDriver,
  options: OverlayOptions,
  trees: Trees,
): Promise<SnapshotDriver> {
  return driver === "vfs" ? VfsSnapshots.open({ ...options, trees }) : OverlaySnapshots.open(options);
}
