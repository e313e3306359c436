import type { StoredImage } from "../../store/images.ts";
import type { EventSink } from "../events/event-sink.ts";

export type ImageAction = "load" | "import" | "save" | "tag" | "untag" | "delete";

/** As Docker: the actor is the image's id, its attributes are the image's labels and, over them, `name`. */
export function publishImageEvent(
  events: EventSink,
  action: ImageAction,
  image: Pick<StoredImage, "id" | "config">,
  name: string = image.id,
): void {
  events.publish("image", action, image.id, { ...(image.config.config?.Labels ?? {}), name });
}
