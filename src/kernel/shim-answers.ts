/** What a shim answers, as values and errors. */
import { constants } from "node:os";
import { EngineError, type ErrorKind } from "../base/errors.ts";
import { PayloadReader, type ReceivedFrame } from "./frames.ts";
import { operationName } from "./plan.ts";
import { Frame, Phase, PROTOCOL_VERSION } from "./protocol.ts";
import { type ExitStatus, LaunchError, type ShimState } from "./shim-session.ts";

const ERRNO_NAMES = new Map<number, string>();
for (const [name, number] of Object.entries(constants.errno)) {
  // Of two names for one number the first stays: EAGAIN, not EWOULDBLOCK.
  if (!ERRNO_NAMES.has(number)) ERRNO_NAMES.set(number, name);
}

/** `ENOENT` for 2; a number that has no name here stays a number. */
export function errnoName(errno: number): string {
  return ERRNO_NAMES.get(errno) ?? `errno ${errno}`;
}

/** Checks the first frame of a connection. Throws unavailable for a shim of another version. */
export function readHello(frame: ReceivedFrame): void {
  if (frame.type !== Frame.HELLO) throw new EngineError("dataLoss", "a shim did not begin with its greeting");
  const version = new PayloadReader(frame.payload).u32();
  if (version !== PROTOCOL_VERSION) {
    throw new EngineError(
      "unavailable",
      `the container's shim speaks version ${version} of the protocol, this daemon version ${PROTOCOL_VERSION}: ` +
        "restart the container, or the daemon that started it",
    );
  }
}

/** Kinds of refusals that have nothing to do with an operation of a plan. */
const KINDS: Readonly<Record<string, ErrorKind>> = {
  ESRCH: "notFound",
  EEXIST: "conflict",
  EBUSY: "failedPrecondition",
  EINVAL: "invalid",
  EAGAIN: "exhausted",
  ENOMEM: "exhausted",
  EMFILE: "exhausted",
};

/** The error of a FRAME_ERROR: LaunchError when an operation of a plan failed. */
export function requestFailure(payload: Uint8Array): EngineError {
  const reader = new PayloadReader(payload);
  const op = reader.u32();
  reader.u32();
  const errno = errnoName(reader.u32());
  const step = reader.string();
  const path = reader.string();
  if (op !== 0) return new LaunchError(operationName(op), step, errno, path);
  if (errno === "ESRCH") return new EngineError("notFound", `${step}: the process has ended`);
  return new EngineError(KINDS[errno] ?? "internal", `${step}: ${errno}`, { details: { errno } });
}

export function readExited(payload: Uint8Array): { process: number; status: ExitStatus } {
  const reader = new PayloadReader(payload);
  return {
    process: reader.u32(),
    status: {
      code: reader.u32(),
      signal: reader.u32(),
      oomKilled: reader.u32() !== 0,
      finishedAtNs: reader.u64(),
    },
  };
}

const PHASES = new Map<number, ShimState["phase"]>([
  [Phase.EMPTY, "empty"],
  [Phase.PREPARED, "prepared"],
  [Phase.RUNNING, "running"],
  [Phase.EXITED, "exited"],
]);

export function readState(payload: Uint8Array): ShimState {
  const reader = new PayloadReader(payload);
  const phase = PHASES.get(reader.u32());
  if (phase === undefined) throw new EngineError("dataLoss", "a shim is in a phase that does not exist");
  return { phase, pid: reader.u32(), startedAtNs: reader.u64() };
}
