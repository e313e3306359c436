import { expect, test } from "bun:test";
import { BugError, EngineError, type ErrorKind } from "../base/errors.ts";
import { answerOf } from "./error-table.ts";

test.each([
  ["invalid", 400],
  ["failedPrecondition", 400],
  ["unauthenticated", 401],
  ["denied", 403],
  ["notFound", 404],
  ["alreadyExists", 409],
  ["conflict", 409],
  ["unimplemented", 501],
  ["unavailable", 503],
  ["exhausted", 500],
  ["canceled", 500],
  ["internal", 500],
] as [ErrorKind, number][])("%s is %i", (kind, status) => {
  expect(answerOf(new EngineError(kind, "why"))).toMatchObject({ status, body: { message: "why" } });
});

test("not modified has no body", () => {
  expect(answerOf(new EngineError("notModified", "runs already"))).toMatchObject({
    status: 304,
    body: undefined,
  });
});

test("what is no EngineError is our fault", () => {
  expect(answerOf(new BugError("impossible")).status).toBe(500);
  expect(answerOf("a text").status).toBe(500);
});
