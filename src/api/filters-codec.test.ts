import { describe, expect, test } from "bun:test";
import { decodeFilters, encodeFilters } from "./filters-codec.ts";

const entries = (text: string) => [...decodeFilters(text)];

describe("filters", () => {
  test("of Go clients are sets whose booleans mean nothing", () => {
    expect(entries('{"label":{"a=b":true,"c":false},"status":{"exited":true}}')).toEqual([
      ["label", ["a=b", "c"]],
      ["status", ["exited"]],
    ]);
  });

  test("of other clients are lists", () => {
    expect(entries('{"label":["a","a","b"],"id":[]}')).toEqual([
      ["label", ["a", "b"]],
      ["id", []],
    ]);
  });

  test.each(["", "{}", "null", '{"label":null}'])("%p filters nothing", (text) => {
    expect(entries(text)).toEqual([]);
  });

  test.each(["{", "[]", '"a"', "1", '{"a":"b"}', '{"a":{"b":1}}', '{"a":[1]}', '{"a":["b"],"c":{"d":true}}'])(
    "%p is refused",
    (text) => {
      expect(() => decodeFilters(text)).toThrow("invalid filter");
    },
  );

  test("a key like __proto__ is a key", () => {
    expect(entries('{"__proto__":["x"]}')).toEqual([["__proto__", ["x"]]]);
  });

  test("come back from what was encoded", () => {
    const filters = new Map([["label", ["a=b", "c"]]]);
    expect(decodeFilters(encodeFilters(filters) ?? "")).toEqual(filters);
    expect(encodeFilters(new Map())).toBeUndefined();
  });
});
