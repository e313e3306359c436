import { describe, expect, test } from "bun:test";
import { ROUTES } from "../api/routes.ts";
import { matchRoute, parseTarget } from "./router.ts";

describe("routes", () => {
  test("every one is found by its own pattern", () => {
    for (const [name, route] of Object.entries(ROUTES)) {
      const [method = "", pattern = ""] = route.split(" ");
      expect([name, matchRoute(method, pattern.replace(/\{\w+\}/g, "x"))?.name as string]).toEqual([
        name,
        name,
      ]);
    }
  });

  test("names may have slashes", () => {
    expect(matchRoute("GET", "/images/registry/a/b:1/json")).toEqual({
      name: "imageInspect",
      params: { name: "registry/a/b:1" },
    });
    expect(matchRoute("DELETE", "/images/a/b")?.params.name).toBe("a/b");
    expect(matchRoute("GET", "/images/a/json/history")?.params.name).toBe("a/json");
  });

  test("fixed names go before patterns", () => {
    expect(matchRoute("GET", "/containers/json")?.name).toBe("containerList");
    expect(matchRoute("POST", "/containers/prune")?.name).toBe("containerPrune");
    expect(matchRoute("GET", "/containers/c/attach/ws")?.name).toBe("containerAttachWebSocket");
  });

  test.each([
    ["PUT", "/info"],
    ["HEAD", "/info"],
    ["GET", "/containers"],
    ["GET", "/containers/json/"],
    ["GET", "/"],
    ["GET", "//info"],
    ["POST", "/containers/a/b"],
  ])("%s %s is none", (method, path) => {
    expect(matchRoute(method, path)).toBeUndefined();
  });

  test("targets are decoded once", () => {
    expect(parseTarget("/images/a%2Fb%2520/json?x=%2F")).toEqual({
      path: "/images/a/b%20/json",
      query: "x=%2F",
    });
    expect(() => parseTarget("/images/%zz/json")).toThrow("invalid URL escape");
  });
});
