import type { ExecCreateRequest } from "../../../api/container-config.ts";
import type { ContainerId, ExecId } from "../../../base/ids.ts";
import type { ExecProcess } from "../../../runtime/container-runtime.ts";

/** One `docker exec`, from its creation until some time after its end. Lives in memory only, as in Docker. */
export interface ExecSession {
  readonly id: ExecId;
  readonly containerId: ContainerId;
  readonly request: ExecCreateRequest;
  status: "created" | "running" | "exited";
  process: ExecProcess | undefined;
  /** Resolves when the start has come to its end, well or not; undefined before a start. */
  starting?: Promise<void>;
  exitCode: number | undefined;
  /** Resolved when the exit code is known. */
  readonly ended: PromiseWithResolvers<void>;
}
