import { expect, test } from "bun:test";
import { mergeLists } from "./merge-lists.ts";

const order = (left: string, right: string) => (left < right ? -1 : left > right ? 1 : 0);
const merged = (...lists: AsyncIterable<readonly string[]>[]) => mergeLists(lists, (item) => item, order);

async function* batches(...all: readonly string[][]): AsyncGenerator<string[]> {
  yield* all;
}

test("items of one key come together, whatever the batches are", async () => {
  const groups = await Array.fromAsync(
    merged(batches(["a", "c"], [], ["d"]), batches(["b"], ["c", "e"]), batches()),
  );
  expect(groups).toEqual([
    ["a", undefined, undefined],
    [undefined, "b", undefined],
    ["c", "c", undefined],
    ["d", undefined, undefined],
    [undefined, "e", undefined],
  ]);
});

test("every list is closed when the loop is left, and when one fails", async () => {
  const closed: string[] = [];
  async function* watched(name: string, fail = false): AsyncGenerator<string[]> {
    try {
      yield ["a"];
      if (fail) throw new Error(`${name} broke`);
      yield ["b"];
    } finally {
      closed.push(name);
    }
  }
  for await (const _ of merged(watched("one"), watched("two"))) break;
  expect(closed.sort()).toEqual(["one", "two"]);
  await expect(Array.fromAsync(merged(watched("three"), watched("four", true)))).rejects.toThrow(
    "four broke",
  );
  expect(closed).toContain("three");
});
