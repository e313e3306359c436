import type { EventSink } from "../events/event-sink.ts";
import { containerPaths } from "./container-files.ts";
import type { ContainersBackend } from "./container-use-cases.ts";
import { createInspect, type InspectDependencies } from "./inspect/inspect.ts";
import { createList } from "./list/list.ts";
import { createLogs } from "./logs/logs.ts";
import { createTop } from "./top/top.ts";

export type ContainerReads = Pick<ContainersBackend, "logs" | "list" | "inspect" | "top">;

export interface ContainerReadsDependencies extends Omit<InspectDependencies, "pathsOf"> {
  readonly dataRoot: string;
  readonly events: EventSink;
}

/** The use-cases that only look at containers. */
export function createContainerReads(dependencies: ContainerReadsDependencies): ContainerReads {
  const { dataRoot } = dependencies;
  return {
    logs: createLogs({ ...dependencies, logPathOf: (id) => containerPaths(dataRoot, id).log }),
    list: createList(dependencies),
    inspect: createInspect({ ...dependencies, pathsOf: (id) => containerPaths(dataRoot, id) }),
    top: createTop(dependencies),
  };
}
