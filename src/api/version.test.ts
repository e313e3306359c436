import { describe, expect, test } from "bun:test";
import {
  atLeast,
  compareVersions,
  NEWEST_API_VERSION,
  parseApiVersion,
  splitVersionPrefix,
} from "./version.ts";

describe("API version", () => {
  test("is split off the path", () => {
    expect(splitVersionPrefix("/v1.43/containers/json")).toEqual({
      versionText: "1.43",
      rest: "/containers/json",
    });
    expect(splitVersionPrefix("/info")).toEqual({ versionText: undefined, rest: "/info" });
    // A path that only looks like one: without a slash after it there is nothing to serve.
    expect(splitVersionPrefix("/v1.43")).toEqual({ versionText: undefined, rest: "/v1.43" });
    expect(splitVersionPrefix("/version").rest).toBe("/version");
  });

  test.each(["1.24", "1.50", "1.43"])("%s is spoken", (text) => {
    expect(parseApiVersion(text).text).toBe(text);
  });

  test.each(["1.12", "1.23", "1", "0.50", "."])("%s is too old", (text) => {
    expect(() => parseApiVersion(text)).toThrow(
      `client version ${text} is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version`,
    );
  });

  test.each(["1.51", "1.99", "2.0", "1.50.1"])("%s is too new", (text) => {
    expect(() => parseApiVersion(text)).toThrow(
      `client version ${text} is too new. Maximum supported API version is 1.50`,
    );
  });

  test("compares numbers, not texts", () => {
    expect(compareVersions("1.9", "1.24")).toBeLessThan(0);
    expect(compareVersions("1.24", "1.24.0")).toBe(0);
    expect(atLeast(parseApiVersion("1.42"), "1.42")).toBe(true);
    expect(atLeast(parseApiVersion("1.41"), "1.42")).toBe(false);
    expect(atLeast(NEWEST_API_VERSION, "1.50")).toBe(true);
  });
});
