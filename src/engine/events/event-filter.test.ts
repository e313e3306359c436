import { describe, expect, test } from "bun:test";
import type { EventMessage } from "../../api/system-views.ts";
import { eventMatcher } from "./event-filter.ts";

function event(Type: string, Action: string, ID: string, Attributes: Record<string, string>): EventMessage {
  return { Type, Action, Actor: { ID, Attributes }, scope: "local", time: 1, timeNano: 1_000_000_000 };
}

const start = event("container", "start", "4bd1c2", {
  name: "web",
  image: "busybox:1.36",
  tier: "front",
  empty: "",
});
const exec = event("container", "exec_start: sh -c true", "4bd1c2", { name: "web", image: "busybox:1.36" });
const tag = event("image", "tag", "sha256:aa11", { name: "docker.io/library/busybox:1.36" });
const connect = event("network", "connect", "f00d", { name: "none", type: "null", container: "4bd1c2" });

const TABLE: [string, Record<string, string[]>, EventMessage, boolean][] = [
  ["no filter", {}, start, true],
  ["a filter without values", { type: [] }, start, true],
  ["type", { type: ["container"] }, start, true],
  ["another type", { type: ["image", "network"] }, start, false],
  ["event", { event: ["die", "start"] }, start, true],
  ["an action is no prefix by default", { event: ["star"] }, start, false],
  ["exec_start finds the action with its command", { event: ["exec_start"] }, exec, true],
  ["with exec_start among them all match by prefix", { event: ["exec_start", "sta"] }, start, true],
  ["the whole action", { event: ["exec_start: sh -c true"] }, exec, true],
  ["exec_create does not find exec_start", { event: ["exec_create"] }, exec, false],
  ["container by name", { container: ["web"] }, start, true],
  ["container by prefix of its id", { container: ["4bd"] }, start, true],
  ["container by prefix of its name", { container: ["we"] }, start, true],
  ["another container", { container: ["db"] }, start, false],
  ["one of two containers", { container: ["db", "web"] }, start, true],
  ["network by name", { network: ["none"] }, connect, true],
  ["volume filter and a container's event", { volume: ["data"] }, start, false],
  ["daemon", { daemon: ["host"] }, start, false],
  ["image of a container with its tag", { image: ["busybox:1.36"] }, start, true],
  ["image of a container without tag", { image: ["busybox"] }, start, true],
  ["another image", { image: ["debian"] }, start, false],
  ["image by id", { image: ["sha256:aa11"] }, tag, true],
  ["image by its familiar name", { image: ["busybox"] }, tag, true],
  ["label by name", { label: ["tier"] }, start, true],
  ["label by value", { label: ["tier=front"] }, start, true],
  ["label with another value", { label: ["tier=back"] }, start, false],
  ["label with an empty value", { label: ["empty="] }, start, true],
  ["all labels must be there", { label: ["tier", "zone"] }, start, false],
  ["no label comes from a prototype", { label: ["toString"] }, start, false],
  ["scope", { scope: ["local"] }, start, true],
  ["another scope", { scope: ["swarm"] }, start, false],
  ["filters of two names", { type: ["container"], event: ["die"] }, start, false],
];

describe("event filter", () => {
  test.each(TABLE)("%s", (_, filters, message, expected) => {
    expect(eventMatcher(new Map(Object.entries(filters)))(message)).toBe(expected);
  });
});
