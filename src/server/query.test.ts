import { describe, expect, test } from "bun:test";
import { Query } from "./query.ts";

describe("query parameters", () => {
  test.each(["", "0", "no", "false", "none", "FALSE", " No "])("%p is false", (value) => {
    expect(new Query(`a=${encodeURIComponent(value)}`).flag("a")).toBe(false);
  });

  test.each(["1", "true", "yes", "2", "off", "x"])("%p is true", (value) => {
    expect(new Query(`a=${value}`).flag("a")).toBe(true);
  });

  test("a default holds only for a missing parameter", () => {
    expect(new Query("").flagOr("a", true)).toBe(true);
    expect(new Query("a=").flagOr("a", true)).toBe(false);
  });

  test("texts are decoded, the first value counts", () => {
    const query = new Query("a=x+y%2Fz&a=second&b=");
    expect(query.text("a")).toBe("x y/z");
    expect(query.all("a")).toEqual(["x y/z", "second"]);
    expect(query.find("b")).toBeUndefined();
    expect(() => new Query("a=%zz")).toThrow('invalid URL escape "%zz"');
  });

  test("integers complain like strconv", () => {
    expect(new Query("t=-1").integer("t")).toBe(-1);
    expect(new Query("t=").integer("t")).toBeUndefined();
    expect(() => new Query("t=ten").integer("t")).toThrow('strconv.Atoi: parsing "ten": invalid syntax');
    expect(() => new Query("t=99999999999999999999").integer("t")).toThrow("value out of range");
  });

  test("sizes are required numbers of 32 bits", () => {
    expect(new Query("h=4294967295").uint32("h", "resize height")).toBe(4_294_967_295);
    expect(() => new Query("").uint32("h", "resize height")).toThrow(
      'invalid resize height "": invalid syntax',
    );
    expect(() => new Query("h=-1").uint32("h", "x")).toThrow('invalid x "-1": value out of range');
    expect(() => new Query("h=4294967296").uint32("h", "x")).toThrow("value out of range");
  });
});
