import { expect, test } from "bun:test";
import { runScripted } from "./testing/scripted-cli.ts";

const history = async (platform: string) => {
  const { err, requests } = await runScripted(["history", "--platform", platform, "a"], {
    answers: { "GET /images/a/history": { json: [] } },
  });
  return err || new URL(requests[0]?.path ?? "", "http://daemon").searchParams.get("platform");
};

test.each([
  ["linux/arm64/v8", '{"architecture":"arm64","os":"linux"}'],
  ["linux/arm/v7", '{"architecture":"arm","os":"linux","variant":"v7"}'],
  ["x86_64", '{"architecture":"amd64","os":"linux"}'],
  ["nonsense", 'invalid platform: "nonsense": unknown operating system or architecture: invalid argument\n'],
  ["a/b/c/d", 'invalid platform: "a/b/c/d": cannot parse platform specifier: invalid argument\n'],
  ["linux/*", 'invalid platform: "linux/*": wildcards not yet supported: invalid argument\n'],
  [
    "linux/a b",
    'invalid platform: "a b" is an invalid component of "linux/a b": platform specifier component must match "^[A-Za-z0-9_.-]+$": invalid argument\n',
  ],
])("%s", async (given, expected) => expect(await history(given)).toBe(expected));
