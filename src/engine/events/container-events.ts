import type { ContainerRecord } from "../containers/container-record.ts";
import type { EventSink } from "./event-sink.ts";

/** Tells of a container as Docker does: its labels, then `image` and `name`, are attributes of every event. */
export function publishContainerEvent(
  sink: EventSink,
  record: ContainerRecord,
  action: string,
  attributes: Readonly<Record<string, string>> = {},
): void {
  const image: Record<string, string> = record.imageReference === "" ? {} : { image: record.imageReference };
  sink.publish("container", action, record.id, {
    ...attributes,
    ...record.config.Labels,
    ...image,
    name: record.name,
  });
}
