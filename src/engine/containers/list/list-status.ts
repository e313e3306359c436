/** The words of the STATUS column, exactly as Docker's: tools and people match on them. */
import type { ContainerState } from "../container-record.ts";
import { isRunning } from "../state-machine.ts";

const NS_PER_SECOND = 1_000_000_000;
const DAY_HOURS = 24;

/** `About an hour`, `3 weeks`: docker/go-units HumanDuration. */
export function humanDuration(ns: bigint): string {
  const exactSeconds = Number(ns) / NS_PER_SECOND;
  const seconds = Math.trunc(exactSeconds);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.trunc(exactSeconds / 60);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.trunc(exactSeconds / 3600 + 0.5);
  if (hours === 1) return "About an hour";
  if (hours < 2 * DAY_HOURS) return `${hours} hours`;
  if (hours < 14 * DAY_HOURS) return `${Math.trunc(hours / DAY_HOURS)} days`;
  if (hours < 60 * DAY_HOURS) return `${Math.trunc(hours / DAY_HOURS / 7)} weeks`;
  if (hours < 730 * DAY_HOURS) return `${Math.trunc(hours / DAY_HOURS / 30)} months`;
  return `${Math.trunc(exactSeconds / 3600 / DAY_HOURS / 365)} years`;
}

/** `Up 3 minutes`, `Exited (0) 2 hours ago`. `nowNs`: nanoseconds since the epoch. */
export function statusWords(state: ContainerState, nowNs: bigint): string {
  const since = (ns: bigint) => humanDuration(nowNs - ns);
  if (state.status === "restarting") return `Restarting (${state.exitCode}) ${since(state.finishedAtNs)} ago`;
  if (isRunning(state)) {
    const up = `Up ${since(state.startedAtNs)}`;
    return state.status === "paused" ? `${up} (Paused)` : up;
  }
  if (state.status === "removing") return "Removal In Progress";
  if (state.status === "dead") return "Dead";
  if (state.startedAtNs === 0n) return "Created";
  if (state.finishedAtNs === 0n) return "";
  return `Exited (${state.exitCode}) ${since(state.finishedAtNs)} ago`;
}
