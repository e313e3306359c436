import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as protocol from "./protocol.ts";

const HEADER = readFileSync(join(import.meta.dir, "../../native/include/protocol.h"), "utf8");

/** `#define NAME value` of the header: decimal, hexadecimal, or a shift of two decimals. */
function defines(): Map<string, number> {
  const found = new Map<string, number>();
  for (const [, name = "", text = ""] of HEADER.matchAll(/^#define (\w+) (\S.*?)\s*(?:\/\*.*)?$/gm)) {
    const shift = /^\((\d+)u? << (\d+)\)$/.exec(text);
    const value = shift ? Number(shift[1]) * 2 ** Number(shift[2]) : Number(text.replace(/u$/, ""));
    if (!Number.isSafeInteger(value))
      throw new Error(`${name} is defined as ${text}, which this test cannot read`);
    found.set(name, value);
  }
  return found;
}

/** What the header calls the members of protocol.ts. */
function mirrored(): Map<string, number> {
  const names = new Map<string, number>([
    ["BERTH_PROTOCOL_VERSION", protocol.PROTOCOL_VERSION],
    ["BERTH_FRAME_HEADER", protocol.FRAME_HEADER_BYTES],
    ["BERTH_FRAME_MAX", protocol.FRAME_MAX_BYTES],
    ["PLAN_MAGIC", protocol.PLAN_MAGIC],
    ["PLAN_HEADER", protocol.PLAN_HEADER_BYTES],
    ["PLAN_MAX", protocol.PLAN_MAX_BYTES],
    ["PLAN_FIRST_CHILD_OP", protocol.PLAN_FIRST_CHILD_OP],
  ]);
  const add = (prefix: string, members: Readonly<Record<string, number>>) => {
    for (const [name, value] of Object.entries(members)) names.set(`${prefix}_${name}`, value);
  };
  add("FRAME", protocol.Frame);
  add("ROLE", protocol.Role);
  add("PHASE", protocol.Phase);
  add("ATTACH", protocol.Attach);
  add("OP", protocol.Op);
  add("BIND", protocol.Bind);
  for (const [name, value] of Object.entries(protocol.Stdio)) {
    names.set(name === "STDIN_OPEN" ? name : `STDIO_${name}`, value);
  }
  return names;
}

describe("protocol.ts and protocol.h", () => {
  const inHeader = defines();
  const inTypeScript = mirrored();

  test("have the same names", () => {
    expect([...inTypeScript.keys()].sort()).toEqual([...inHeader.keys()].sort());
  });

  test.each([...inHeader])("%s is %d in both", (name, value) => {
    expect(inTypeScript.get(name)).toBe(value);
  });

  test("give each frame and each operation a number of its own", () => {
    for (const members of [protocol.Frame, protocol.Op]) {
      const numbers = Object.values(members);
      expect(new Set(numbers).size).toBe(numbers.length);
    }
  });
});
