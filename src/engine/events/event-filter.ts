/** Which events a client of `GET /events` asked for: moby's rules (daemon/events/filter.go), as a pure function. */
import type { Filters } from "../../api/filters.ts";
import type { EventMessage } from "../../api/system-views.ts";

/** Each of these filters names the object itself, whatever the event's type: by id or name, or by their beginning. */
const NAMED_BY_FILTER = [
  "daemon",
  "container",
  "plugin",
  "volume",
  "network",
  "node",
  "service",
  "secret",
  "config",
] as const;

/** Actions that carry more after a colon (`exec_start: sh -c …`): naming one of them turns the match into one by prefix. */
const ACTIONS_WITH_DETAIL = ["health_status", "exec_create", "exec_start"];

/** A filter without values lets everything through. */
function exact(values: readonly string[] | undefined, text: string): boolean {
  return values === undefined || values.length === 0 || values.includes(text);
}

function prefix(values: readonly string[] | undefined, text: string): boolean {
  return exact(values, text) || (values ?? []).some((value) => text.startsWith(value));
}

function labels(
  values: readonly string[] | undefined,
  attributes: Readonly<Record<string, string>>,
): boolean {
  return (values ?? []).every((value) => {
    const at = value.indexOf("=");
    const key = at < 0 ? value : value.slice(0, at);
    if (!Object.hasOwn(attributes, key)) return false;
    return at < 0 || attributes[key] === value.slice(at + 1);
  });
}

/** `docker.io/library/busybox:1.36@sha256:…` without registry defaults, tag and digest: `busybox`. */
function familiarName(image: string): string {
  const undigested = image.split("@", 1)[0] ?? "";
  const colon = undigested.indexOf(":", undigested.lastIndexOf("/") + 1);
  const name = colon < 0 ? undigested : undigested.slice(0, colon);
  return name.replace(/^(index\.)?docker\.io\//, "").replace(/^library\//, "");
}

/** An image filter finds the image's own events and those of containers made from it, with and without its tag. */
function image(values: readonly string[] | undefined, event: EventMessage): boolean {
  const { ID: id, Attributes: attributes } = event.Actor;
  const name = attributes[event.Type === "image" ? "name" : "image"] ?? "";
  return [id, name, familiarName(id), familiarName(name)].some((text) => exact(values, text));
}

/** Compiles `filters` to a predicate. Filters of different names must all hold, values of one name are alternatives. */
export function eventMatcher(filters: Filters): (event: EventMessage) => boolean {
  const actions = filters.get("event");
  const matchAction = actions?.some((action) => ACTIONS_WITH_DETAIL.includes(action)) ? prefix : exact;
  return (event) =>
    matchAction(actions, event.Action) &&
    exact(filters.get("type"), event.Type) &&
    exact(filters.get("scope"), event.scope) &&
    NAMED_BY_FILTER.every(
      (name) =>
        prefix(filters.get(name), event.Actor.ID) ||
        prefix(filters.get(name), event.Actor.Attributes.name ?? ""),
    ) &&
    image(filters.get("image"), event) &&
    labels(filters.get("label"), event.Actor.Attributes);
}
