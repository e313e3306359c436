import { describe, expect, test } from "bun:test";
import { isWholeRepository, parsePullTarget, parsePushTarget } from "./pull-target.ts";

const HEX = "a".repeat(64);

describe("parsePullTarget", () => {
  test.each([
    ["alpine", "", { domain: "docker.io", path: "library/alpine" }],
    ["alpine:", "", { domain: "docker.io", path: "library/alpine" }],
    ["alpine", "3", { domain: "docker.io", path: "library/alpine", tag: "3" }],
    ["alpine:2", "3", { domain: "docker.io", path: "library/alpine", tag: "3" }],
    ["r:5000/a/b", `sha256:${HEX}`, { domain: "r:5000", path: "a/b", digest: `sha256:${HEX}` }],
    ["r:5000/a/b:t", `sha256:${HEX}`, { domain: "r:5000", path: "a/b", digest: `sha256:${HEX}` }],
    [`r:5000/a:t@sha256:${HEX}`, "", { domain: "r:5000", path: "a", tag: "t", digest: `sha256:${HEX}` }],
  ])("%s %s", (from, tag, name) => {
    expect(parsePullTarget(from, tag)).toEqual(name);
  });

  test.each([
    ["Alpine", "", "invalid reference format: repository name (library/Alpine) must be lowercase"],
    ["alpine", "b@d", "invalid tag format"],
    ["", "x", "invalid reference format"],
  ])("%s %s is refused", (from, tag, message) => {
    expect(() => parsePullTarget(from, tag)).toThrow(message);
  });

  test("all tags are meant only without tag and digest", () => {
    expect(
      ["a", "a:b", `a@sha256:${HEX}`].map((text) => isWholeRepository(parsePullTarget(text, ""))),
    ).toEqual([true, false, false]);
  });
});

test("a push names tags only", () => {
  expect(parsePushTarget("a", "b")).toMatchObject({ path: "library/a", tag: "b" });
  expect(() => parsePushTarget(`a@sha256:${HEX}`, "b")).toThrow("cannot import digest reference");
});
