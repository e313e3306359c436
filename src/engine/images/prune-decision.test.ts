import { describe, expect, test } from "bun:test";
import { decidePrune, type PruneCandidate } from "./prune-decision.ts";
import { parseImagePruneFilters } from "./prune-filters.ts";

const NOW = new Date("2025-06-01T12:00:00Z");

function image(id: string, more: Partial<PruneCandidate> = {}): PruneCandidate {
  const names = more.names ?? [];
  return {
    id,
    names,
    isTagged: names.some((name) => !name.includes("@")),
    createdMs: NOW.getTime() - 3_600_000,
    labels: {},
    parent: undefined,
    users: [],
    isPinned: false,
    ...more,
  };
}

function decide(images: readonly PruneCandidate[], filters: Record<string, string[]> = {}) {
  const decision = decidePrune(images, parseImagePruneFilters(new Map(Object.entries(filters)), NOW));
  const words = (list: typeof decision.keep) => list.map(({ image: { id }, reason }) => `${id}: ${reason}`);
  return { remove: words(decision.remove), keep: words(decision.keep) };
}

describe("decidePrune", () => {
  test("what is dangling goes, what is tagged stays", () => {
    expect(
      decide([image("a"), image("b", { names: ["b:1"] }), image("c", { names: ["c@sha256:1"] })]),
    ).toEqual({
      remove: ["a: no tag", "c: no tag"],
      keep: ["b: tagged"],
    });
  });

  test("asked for all, what no container uses goes with its names", () => {
    const images = [image("a", { names: ["a:1"] }), image("b", { names: ["b:1"], users: ["web"] })];
    expect(decide(images, { dangling: ["false"] })).toEqual({
      remove: ["a: no container uses it"],
      keep: ["b: used by container web"],
    });
  });

  test("a pin stands above everything, and keeps the parents", () => {
    const images = [image("grandparent"), image("parent", { parent: "grandparent" })];
    const pinned = image("child", { parent: "parent", isPinned: true });
    expect(decide([...images, pinned])).toEqual({
      remove: [],
      keep: ["child: pinned", "parent: parent of child", "grandparent: parent of parent"],
    });
  });

  test("untagged parents go after the last child, whatever the filters say of them", () => {
    const images = [
      image("parent", { labels: {}, createdMs: NOW.getTime() }),
      image("one", { parent: "parent", labels: { old: "" } }),
      image("two", { parent: "parent", labels: { old: "" } }),
    ];
    expect(decide(images, { label: ["old"], until: ["10m"] }).remove).toEqual([
      "one: no tag",
      "two: no tag",
      "parent: parent of nothing that stays",
    ]);
    const spared = decide([...images, image("three", { parent: "parent" })], { label: ["old"] });
    expect(spared).toEqual({
      remove: ["one: no tag", "two: no tag"],
      keep: ["three: label", "parent: parent of three"],
    });
  });

  test("a tagged parent is judged for itself", () => {
    const images = [image("parent", { names: ["p:1"] }), image("child", { parent: "parent" })];
    expect(decide(images)).toEqual({ remove: ["child: no tag"], keep: ["parent: tagged"] });
  });

  test("until, label and label!", () => {
    const images = [
      image("new", { createdMs: NOW.getTime() - 1000 }),
      image("kept", { labels: { keep: "1" } }),
      image("plain"),
    ];
    expect(decide(images, { until: ["10m"] }).keep).toEqual(["new: newer than until"]);
    expect(decide(images, { "label!": ["keep"] }).keep).toEqual(["kept: label"]);
    expect(decide(images, { label: ["keep=1"] }).remove).toEqual(["kept: no tag"]);
  });

  test("a chain of a hundred thousand parents", () => {
    const images = Array.from({ length: 100_000 }, (_, index) =>
      image(`${index}`, { parent: `${index - 1}` }),
    );
    expect(decide(images).remove[0]).toBe("99999: no tag");
  });
});

test.each([
  [{ reference: ["a"] }, "invalid filter 'reference'"],
  [{ until: ["1h", "2h"] }, "more than one until filter specified"],
  [{ dangling: ["maybe"] }, "invalid filter 'dangling=[maybe]'"],
  [{ until: ["yesterday"] }, "failed to parse"],
])("filters %j are refused", (filters, message) => {
  expect(() => decide([], filters as Record<string, string[]>)).toThrow(message);
});
