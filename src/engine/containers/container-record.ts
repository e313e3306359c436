import type { ContainerConfig, HostConfig } from "../../api/container-config.ts";
import type { ContainerStatus, MountPointView } from "../../api/container-views.ts";
import type { ContainerId, ImageId } from "../../base/ids.ts";

/** The part of a record that transitions change. Times are nanoseconds since the epoch, 0n for never. */
export interface ContainerState {
  readonly status: ContainerStatus;
  /** Host pid of the first process, 0 when none runs. */
  readonly pid: number;
  readonly exitCode: number;
  /** Why the last start failed, empty if it did not. */
  readonly error: string;
  readonly oomKilled: boolean;
  readonly startedAtNs: bigint;
  readonly finishedAtNs: bigint;
}

/** All that the engine keeps of one container: one row, replaced whole in one transaction per transition. */
export interface ContainerRecord {
  readonly id: ContainerId;
  /** Without the leading slash. */
  readonly name: string;
  readonly createdAtNs: bigint;
  readonly imageId: ImageId;
  /** As the client wrote it. */
  readonly imageReference: string;
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  readonly mounts: readonly MountPointView[];
  /** Key of its active snapshot. */
  readonly snapshot: string;
  readonly state: ContainerState;
  readonly restartCount: number;
}
