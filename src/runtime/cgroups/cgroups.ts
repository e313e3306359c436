import type { PlanOperation } from "../../kernel/plan.ts";
import type { OciResources } from "../../oci/runtime-config.ts";

/** How one part of the container's /sys/fs/cgroup comes to be. */
export type CgroupView =
  | {
      readonly kind: "mount";
      readonly type: "cgroup" | "cgroup2";
      readonly target: string;
      readonly options: readonly string[];
    }
  /** With the host's cgroup namespace a v1 mount would show all of the host: the container's directory instead. */
  | { readonly kind: "bind"; readonly source: string; readonly target: string }
  | { readonly kind: "symlink"; readonly text: string; readonly path: string };

/**
 * A machine's control groups, v1 (also hybrid) or v2. `path` is that of the container from the root of each hierarchy
 * (`/berth/<id>`). What is an operation is carried out by the shim; what is a promise, here.
 */
export interface Cgroups {
  /** The container's directories, for cleaning up what a crash left. */
  directories(path: string, resources: OciResources): string[];
  /** Makes what the directories stand in. Cheap when it was done before. */
  ensureParent(path: string, resources: OciResources): Promise<void>;
  /** For a PREPARE plan: the directories, and what must be in them before a process can enter. */
  create(path: string, resources: OciResources): PlanOperation[];
  /** For a LAUNCH plan: limits and device rules. */
  limit(path: string, resources: OciResources): PlanOperation[];
  /** The file and key that count kills for want of memory; undefined without a memory controller. */
  oomCounter(path: string): { readonly file: string; readonly key: string } | undefined;
  /** What is shown below /sys/fs/cgroup of a container with these resources. */
  view(path: string, resources: OciResources, ownNamespace: boolean): CgroupView[];
  /** Stops or lets go on all processes; resolves when that is so. Throws notFound without the container's cgroup. */
  freeze(path: string, frozen: boolean): Promise<void>;
  /** Host pids of the container's processes, also of those in cgroups that it made itself. */
  processes(path: string): Promise<number[]>;
}
