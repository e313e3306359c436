import type { ContainerId, ExecId } from "../../base/ids.ts";
import type { ContainerProcess } from "../../runtime/container-runtime.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { ExecSession } from "./exec/exec-session.ts";

/**
 * One container in the daemon's memory: its current record and, while one exists, its process. The lifecycle use-cases
 * own and change it; the reading ones (inspect, list, logs, exec) get it from the directory and only look.
 */
export interface LiveContainer {
  readonly id: ContainerId;
  readonly record: ContainerRecord;
  /** Defined from just before the program runs until its exit was recorded. */
  readonly process: ContainerProcess | undefined;
  /** Sessions of `docker exec`, kept until the container stops. */
  readonly execs: Map<ExecId, ExecSession>;
  /** Resolves at the next change of the record. */
  changed(): Promise<void>;
}

/** Finds containers as Docker does: full id, full name, then a unique prefix of an id. */
export interface ContainerDirectory {
  /** Throws notFound `No such container: <ref>`, invalid for an ambiguous prefix. */
  get(ref: string): LiveContainer;
  find(ref: string): LiveContainer | undefined;
  all(): readonly LiveContainer[];
}
