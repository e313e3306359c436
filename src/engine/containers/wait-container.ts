import type { ContainerWaitView } from "../../api/container-views.ts";
import { EngineError } from "../../base/errors.ts";
import type { StoredContainerDirectory } from "./container-directory.ts";
import type { WaitOutcome } from "./container-entry.ts";
import type { WaitCondition } from "./container-use-cases.ts";

/** `docker wait`. The wait is in place when the outer promise resolves. Throws notFound; the result rejects with canceled. */
export function createWait(directory: StoredContainerDirectory) {
  return async (
    ref: string,
    condition: WaitCondition,
    signal: AbortSignal,
  ): Promise<{ readonly result: Promise<ContainerWaitView> }> => {
    const entry = directory.get(ref);
    const met = condition === "not-running" && !entry.isRunning;
    const { promise, resolve, reject } = Promise.withResolvers<WaitOutcome>();
    if (met) {
      resolve(entry.outcome());
    } else {
      const cancel = condition === "removed" ? entry.onceRemoved(resolve) : entry.onceExited(resolve);
      const onAbort = () => {
        cancel();
        reject(new EngineError("canceled", "the client no longer waits"));
      };
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
      // Many waits may share one signal that outlives them.
      promise.then(
        () => signal.removeEventListener("abort", onAbort),
        () => undefined,
      );
    }
    return { result: promise.then(viewOf) };
  };
}

function viewOf({ exitCode, error }: WaitOutcome): ContainerWaitView {
  return error === "" ? { StatusCode: exitCode } : { StatusCode: exitCode, Error: { Message: error } };
}
