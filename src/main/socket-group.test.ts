import { expect, test } from "bun:test";
import { socketGroup } from "./socket-group.ts";

const GROUP = "root:x:0:\ndocker:x:999:alice\nberth:x:998:\n";

test("docker comes before berth, and a named group before both", () => {
  expect(socketGroup(undefined, GROUP)).toBe(999);
  expect(socketGroup(undefined, GROUP.replace("docker", "other"))).toBe(998);
  expect(socketGroup("root", GROUP)).toBe(0);
  expect(socketGroup("1234", GROUP)).toBe(1234);
  expect(socketGroup(undefined, "root:x:0:\n")).toBeUndefined();
});

test("a group that does not exist is refused", () => {
  expect(() => socketGroup("nobody-knows", GROUP)).toThrow("group nobody-knows not found");
});
