import { EngineError } from "../../../base/errors.ts";
import { LaunchError } from "../../../kernel/shim-session.ts";
import { describeStartFailure, type StartFailure } from "../start-failure.ts";

const BEFORE_REASON = "unable to start container process: ";
const EXEC_FAILED = `OCI runtime exec failed: exec failed: ${BEFORE_REASON}`;
/** Docker's for an exec that failed for a reason of the engine's own. */
const NOT_STARTED = 126;

/**
 * Why a program did not start in a running container: the reasons of a container's start, worded as for an exec.
 * `docker exec` prints the message and exits with the code.
 */
export function describeExecFailure(error: unknown, program: string, user: string): StartFailure {
  const failure = describeStartFailure(error, program, user);
  if (!(error instanceof LaunchError)) return { error: failure.error, exitCode: NOT_STARTED };
  const { kind, message, details } = failure.error;
  const at = message.indexOf(BEFORE_REASON);
  const reason = (at < 0 ? message : message.slice(at + BEFORE_REASON.length))
    .replace(/^error during container init: /, "")
    .replace(
      /^mkdir (.*?): (.*)$/,
      (_, path: string, why: string) => `chdir to cwd ("${path}") set in config.json failed: ${why}`,
    );
  return {
    error: new EngineError(kind, `${EXEC_FAILED}${reason}`, { cause: error, details }),
    exitCode: failure.exitCode,
  };
}
