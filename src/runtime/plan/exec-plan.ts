import type { PlanOperation } from "../../kernel/plan.ts";
import { Op, Stdio } from "../../kernel/protocol.ts";
import type { OciRuntimeConfig } from "../../oci/runtime-config.ts";
import type { ExecSpec } from "../container-runtime.ts";
import { availableCapabilities, capabilitySets } from "../spec/capabilities.ts";
import { mergeEnvironment } from "../spec/process.ts";
import { privilegeOperations, rlimitOperations } from "./security-operations.ts";

const UMASK = 0o022;

/** With an attached client to come, output waits for it, so that it misses none. */
function stdioFlags({ tty, openStdin, detached }: ExecSpec): number {
  return (tty ? Stdio.TTY : 0) | (openStdin ? Stdio.STDIN_OPEN : 0) | (detached ? Stdio.DISCARD : Stdio.HOLD);
}

/**
 * One more process in a running container: the container's own rights, limits and environment, over which the
 * request's are laid. A privileged one gets every capability that this daemon can give; the filter stays, as in Docker (moby 30068).
 */
export function execPlan(
  config: OciRuntimeConfig,
  spec: ExecSpec,
  capabilityBounds: bigint,
): PlanOperation[] {
  const { process, linux } = config;
  const rights = spec.privileged
    ? capabilitySets(availableCapabilities(capabilityBounds))
    : process.capabilities;
  const terminal = spec.tty ? ["TERM=xterm"] : [];
  const environment = mergeEnvironment(mergeEnvironment(terminal, process.env), spec.env);
  return [
    { op: Op.STDIO, args: [stdioFlags(spec), spec.rows, spec.columns] },
    ...(spec.tty ? [{ op: Op.CONSOLE, args: [] }] : []),
    ...rlimitOperations(process.rlimits),
    { op: Op.USER, args: [spec.user.spec, ...spec.user.additionalGroups] },
    { op: Op.WORKDIR, args: [spec.cwd === "" ? process.cwd : spec.cwd] },
    ...privilegeOperations(rights, process.noNewPrivileges, linux.seccomp),
    { op: Op.UMASK, args: [UMASK] },
    { op: Op.ENVIRONMENT, args: environment },
    { op: Op.EXEC, args: spec.args },
  ];
}
