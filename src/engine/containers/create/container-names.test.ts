import { expect, test } from "bun:test";
import type { ContainerId } from "../../../base/ids.ts";
import { inventName, parseContainerName } from "./container-names.ts";
import { ADJECTIVES, SEAFARERS } from "./name-words.ts";

const ID = "0123456789ab".padEnd(64, "c") as ContainerId;

test("takes a name with or without its slash", () => {
  expect([parseContainerName("/web-1"), parseContainerName("a_b.c")]).toEqual(["web-1", "a_b.c"]);
});

test.each(["a", "-web", "we b", "a/b", "//a", "", "ü1"])("refuses %p", (name) => {
  expect(() => parseContainerName(name)).toThrow(
    `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
  );
});

test("invents valid names, and takes the id when all are taken", () => {
  expect(parseContainerName(inventName(() => false, ID))).toMatch(/^[a-z]+_[a-z]+$/);
  expect(inventName((name) => !/\d$/.test(name), ID)).toMatch(/^[a-z]+_[a-z]+1$/);
  expect(inventName(() => true, ID)).toBe("0123456789ab");
});

test("no word stands twice", () => {
  for (const words of [ADJECTIVES, SEAFARERS]) expect(new Set(words).size).toBe(words.length);
});
