import { EngineError } from "../../base/errors.ts";
import { publishContainerEvent } from "../events/container-events.ts";
import type { EventSink } from "../events/event-sink.ts";
import { ContainerAttachment } from "./container-attachment.ts";
import type { StoredContainerDirectory } from "./container-directory.ts";
import type { AttachedClient, AttachOptions, OutputChunk } from "./container-use-cases.ts";
import type { LiveContainer } from "./live-container.ts";

/** Reads back what a container has written. */
export interface LogReplay {
  /**
   * All of the selected streams' output so far, as it was written; ends there, or early by the signal. Throws unimplemented
   * when nothing was kept.
   */
  replay(
    container: LiveContainer,
    streams: { readonly stdout: boolean; readonly stderr: boolean },
    signal: AbortSignal,
  ): AsyncIterable<OutputChunk>;
}

export interface AttachDependencies {
  readonly directory: StoredContainerDirectory;
  readonly logs: LogReplay;
  readonly events: EventSink;
}

/**
 * `docker attach`. One to a container that does not run waits for its start, which is how `docker run` and `docker start -a`
 * miss no output. Throws notFound, conflict.
 */
export function createAttach({ directory, logs, events }: AttachDependencies) {
  return async (ref: string, options: AttachOptions): Promise<AttachedClient> => {
    const entry = directory.get(ref);
    const { config, state } = entry.record;
    if (state.status === "paused") {
      throw new EngineError("conflict", `container ${ref} is paused, unpause the container before attach`);
    }
    const tty = config.Tty ?? false;
    const gone = new AbortController();
    const attachment = new ContainerAttachment({
      tty,
      streams: {
        stdin: options.stdin && (config.OpenStdin ?? false),
        stdout: options.stdout,
        // A terminal has one output.
        stderr: options.stderr && !tty,
      },
      closesInput: (config.StdinOnce ?? false) && !tty,
      replay: options.logs ? logs.replay(entry, options, gone.signal) : undefined,
      onDetached: () => publishContainerEvent(events, entry.record, "detach"),
      onClosed: () => {
        entry.attachments.remove(attachment);
        gone.abort();
      },
    });
    if (!options.stream) attachment.giveUp();
    else if (entry.process === undefined) entry.attachments.add(attachment);
    else await attachment.connect(entry.process);
    publishContainerEvent(events, entry.record, "attach");
    return attachment;
  };
}
