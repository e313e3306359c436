import { expect, test } from "bun:test";
import { parseChallenges } from "./challenges.ts";

const read = (header: string | null) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

test("a token server's challenge", () => {
  expect(
    read('Bearer realm="https://auth.example/token",service="reg.example",scope="repository:a/b:pull,push"'),
  ).toEqual([
    [
      "bearer",
      { realm: "https://auth.example/token", service: "reg.example", scope: "repository:a/b:pull,push" },
    ],
  ]);
});

test("several challenges in one header or in several", () => {
  expect(read('Bearer realm="a" , error=invalid_token, Basic realm="b, \\"c\\""')).toEqual([
    ["bearer", { realm: "a", error: "invalid_token" }],
    ["basic", { realm: 'b, "c"' }],
  ]);
  expect(read('Negotiate, Basic realm="x"')).toEqual([
    ["negotiate", {}],
    ["basic", { realm: "x" }],
  ]);
  expect(read('Negotiate YWJj==, BASIC Realm = "x"')).toEqual([
    ["negotiate", {}],
    ["basic", { realm: "x" }],
  ]);
});

test.each([null, "", ",,,", '"'])("nothing in %j", (header) => expect(read(header)).toEqual([]));

test("the first of two equal names counts, and an unclosed quotation ends the list", () => {
  expect(read('Bearer realm="a",realm="b"')).toEqual([["bearer", { realm: "a" }]]);
  expect(read('Bearer realm="a')).toEqual([["bearer", { realm: "" }]]);
});

test("a hostile header is read in time and within limits", () => {
  const many = read(Array.from({ length: 5000 }, (_, at) => `S${at} a=b`).join(", "));
  expect(many.length).toBeLessThanOrEqual(16);
  const long = `Bearer ${'a="'.repeat(20_000)}`;
  const start = performance.now();
  read(long);
  read(`Bearer realm="${"\\".repeat(100_000)}`);
  expect(performance.now() - start).toBeLessThan(200);
});
