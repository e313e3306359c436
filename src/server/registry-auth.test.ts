import { describe, expect, test } from "bun:test";
import { authOf } from "./registry-auth.ts";

const header = (text: string, encoding: "base64" | "base64url" = "base64url") =>
  authOf({ "x-registry-auth": Buffer.from(text).toString(encoding) });

describe("authOf", () => {
  test("reads base64url and base64, padded or not", () => {
    const auth = { username: "ü>?", password: "ÿÿ~~??>>", serveraddress: "r:5000" };
    expect(header(JSON.stringify(auth))).toEqual(auth);
    expect(header(JSON.stringify(auth), "base64")).toEqual(auth);
    expect(authOf({ "x-registry-auth": "e30=" })).toEqual({});
  });

  test.each(["###", "bm90IGpzb24", Buffer.from('{"username":1}').toString("base64url"), ""])(
    "%s is no credentials",
    (text) => {
      expect(authOf({ "x-registry-auth": text })).toBeUndefined();
    },
  );

  test("no header is no credentials", () => expect(authOf({})).toBeUndefined());
});
