import { EngineError, fromUnknown } from "../../base/errors.ts";
import { publishContainerEvent } from "../events/container-events.ts";
import type { EventSink } from "../events/event-sink.ts";
import type { StoredContainerDirectory } from "./container-directory.ts";
import { parseContainerName } from "./create/container-names.ts";

/** `docker rename`. Throws invalid, notFound, conflict. */
export function createRename(directory: StoredContainerDirectory, events: EventSink) {
  return async (ref: string, to: string): Promise<void> => {
    const wanted = to.trim();
    if (ref.trim().replace(/^\//, "") === "" || wanted.replace(/^\//, "") === "") {
      throw new EngineError("invalid", "Neither old nor new names may be empty");
    }
    const entry = directory.get(ref.trim());
    await entry.exclusively(async () => {
      const before = entry.record.name;
      if (wanted.replace(/^\//, "") === before) {
        throw new EngineError("invalid", "Renaming a container with the same name as its current name");
      }
      const name = reserve(directory, wanted, entry.id);
      try {
        directory.rename(entry, name);
      } catch (error) {
        directory.releaseName(name, entry.id);
        throw error;
      }
      publishContainerEvent(events, entry.record, "rename", { oldName: `/${before}` });
    });
  };
}

function reserve(
  directory: StoredContainerDirectory,
  wanted: string,
  id: Parameters<StoredContainerDirectory["reserveName"]>[1],
): string {
  try {
    const name = parseContainerName(wanted);
    directory.reserveName(name, id);
    return name;
  } catch (error) {
    const { kind, message } = fromUnknown(error);
    throw new EngineError(kind, `Error when allocating new name: ${message}`, { cause: error });
  }
}
