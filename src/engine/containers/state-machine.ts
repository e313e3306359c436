/**
 * The states of a container and what leads from one to the next. Pure: the one place that knows which operation is
 * allowed when, and Docker's words for a refusal (moby daemon/{start,stop,kill,pause,unpause,delete}.go).
 */
import type { ContainerStatus } from "../../api/container-views.ts";
import { EngineError, type ErrorKind } from "../../base/errors.ts";
import type { ContainerState } from "./container-record.ts";

/** What happens to a container. Requests (`start`, `stop`, `kill`, `remove`) change nothing by themselves: they are allowed or not. */
export type LifecycleEvent =
  | { readonly type: "start" }
  | { readonly type: "started"; readonly pid: number; readonly atNs: bigint }
  | { readonly type: "start-failed"; readonly exitCode: number; readonly error: string }
  | { readonly type: "stop" }
  | { readonly type: "kill" }
  | { readonly type: "pause" }
  | { readonly type: "unpause" }
  | {
      readonly type: "exited";
      readonly exitCode: number;
      readonly oomKilled: boolean;
      readonly atNs: bigint;
      readonly error?: string;
    }
  | { readonly type: "remove"; readonly force: boolean };

/** Whom the messages are about. */
export interface Subject {
  readonly id: string;
  readonly name: string;
  /** A removal was accepted and waits for the process's end. */
  readonly removing: boolean;
}

const HAS_PROCESS: ReadonlySet<ContainerStatus> = new Set(["running", "paused", "restarting"]);
/**
 * Docker's states of a removal that takes its time or has failed. Here a removal is the deletion of one row, so nobody sees
 * these; a record that has one all the same can only be removed.
 */
const GOING_AWAY: ReadonlySet<ContainerStatus> = new Set(["removing", "dead"]);

export const INITIAL_STATE: ContainerState = {
  status: "created",
  pid: 0,
  exitCode: 0,
  error: "",
  oomKilled: false,
  startedAtNs: 0n,
  finishedAtNs: 0n,
};

/** Docker's "running" flag: a paused container has it too. */
export function isRunning(state: ContainerState): boolean {
  return HAS_PROCESS.has(state.status);
}

/** The state after `event`. Throws conflict or notModified, in Docker's words, where it is not allowed in `state`. */
export function nextState(state: ContainerState, event: LifecycleEvent, subject: Subject): ContainerState {
  switch (event.type) {
    case "start":
      return allowStart(state, subject);
    case "stop":
      return isRunning(state) ? state : refuse("notModified", "container is already stopped");
    case "kill":
      return requireRunning(state, subject);
    case "pause":
      return pause(requireRunning(state, subject), subject);
    case "unpause":
      // 500 in Docker too: the one refusal of this kind that it does not call a conflict.
      if (state.status !== "paused") refuse("internal", `Container ${subject.id} is not paused`);
      return { ...state, status: "running" };
    case "remove":
      return allowRemoval(state, event.force, subject);
    default:
      return afterNews(state, event);
  }
}

/** What the runtime reported: never refused. */
function afterNews(
  state: ContainerState,
  event: Extract<LifecycleEvent, { type: "started" | "start-failed" | "exited" }>,
): ContainerState {
  switch (event.type) {
    case "started":
      return {
        ...state,
        status: "running",
        pid: event.pid,
        exitCode: 0,
        error: "",
        oomKilled: false,
        startedAtNs: event.atNs,
      };
    case "start-failed":
      return { ...state, pid: 0, exitCode: event.exitCode, error: event.error };
    case "exited":
      if (GOING_AWAY.has(state.status)) return state;
      return {
        ...state,
        status: "exited",
        pid: 0,
        exitCode: event.exitCode,
        error: event.error ?? state.error,
        oomKilled: event.oomKilled,
        finishedAtNs: event.atNs,
      };
  }
}

function allowStart(state: ContainerState, subject: Subject): ContainerState {
  if (state.status === "paused") {
    refuse("conflict", "cannot start a paused container, try unpause instead");
  }
  if (subject.removing || GOING_AWAY.has(state.status)) {
    refuse("conflict", "container is marked for removal and cannot be started");
  }
  if (isRunning(state)) refuse("notModified", "container is already running");
  return state;
}

function requireRunning(state: ContainerState, subject: Subject): ContainerState {
  if (!isRunning(state)) refuse("conflict", `container ${subject.id} is not running`);
  return state;
}

function pause(state: ContainerState, subject: Subject): ContainerState {
  if (state.status === "paused") refuse("conflict", `container ${subject.id} is already paused`);
  if (state.status === "restarting") {
    refuse("conflict", `Container ${subject.id} is restarting, wait until the container is running`);
  }
  return { ...state, status: "paused" };
}

function allowRemoval(state: ContainerState, force: boolean, subject: Subject): ContainerState {
  if (subject.removing) {
    refuse("conflict", `removal of container ${subject.name} is already in progress`);
  }
  if (force || !isRunning(state)) return state;
  const reason =
    state.status === "paused"
      ? "container is paused and must be unpaused first"
      : `container is ${state.status}: stop the container before removing or force remove`;
  return refuse("conflict", `cannot remove container "/${subject.name}": ${reason}`);
}

function refuse(kind: ErrorKind, message: string): never {
  throw new EngineError(kind, message);
}
