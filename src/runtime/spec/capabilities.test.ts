import { describe, expect, test } from "bun:test";
import { CAPABILITIES, capabilityMask, effectiveCapabilities } from "./capabilities.ts";

const ALL = (1n << 41n) - 1n;
const DEFAULTS = 0xa80425fbn;
const mask = (request: Parameters<typeof effectiveCapabilities>[0], bounds = ALL) =>
  capabilityMask(effectiveCapabilities(request, bounds));
const bit = (name: string) => capabilityMask([name]);

describe("effectiveCapabilities", () => {
  test("the table is the kernel's", () => {
    expect(CAPABILITIES).toHaveLength(41);
    expect([bit("CAP_CHOWN"), bit("CAP_SYS_ADMIN"), bit("CAP_CHECKPOINT_RESTORE")]).toEqual([
      1n,
      1n << 21n,
      1n << 40n,
    ]);
  });

  test("defaults, additions and drops, in any spelling and order", () => {
    expect(mask({})).toBe(DEFAULTS);
    expect(mask({ CapAdd: ["net_admin", "CAP_SYS_TIME"] })).toBe(
      DEFAULTS | bit("CAP_NET_ADMIN") | bit("CAP_SYS_TIME"),
    );
    expect(mask({ CapDrop: ["cap_kill"] })).toBe(DEFAULTS & ~bit("CAP_KILL"));
    expect(mask({ CapDrop: ["ALL"], CapAdd: ["KILL"] })).toBe(bit("CAP_KILL"));
    expect(mask({ CapAdd: ["all"], CapDrop: ["KILL"] })).toBe(ALL & ~bit("CAP_KILL"));
    expect(mask({ CapAdd: ["KILL"], CapDrop: ["KILL"] })).toBe(DEFAULTS);
    expect(mask({ CapAdd: ["ALL"], CapDrop: ["ALL"] })).toBe(ALL);
  });

  test("never more than the daemon has", () => {
    const bounds = ALL & ~bit("CAP_SYS_RESOURCE");
    expect(mask({ Privileged: true }, bounds)).toBe(bounds);
    expect(mask({ CapAdd: ["ALL"] }, bounds)).toBe(bounds);
    expect(mask({}, bounds & ~bit("CAP_MKNOD"))).toBe(DEFAULTS & ~bit("CAP_MKNOD"));
    expect(mask({ CapDrop: ["SYS_RESOURCE"] }, bounds)).toBe(DEFAULTS);
    expect(() => mask({ CapAdd: ["SYS_RESOURCE"] }, bounds)).toThrow(
      "not available in the current environment",
    );
  });

  test("unknown names are refused", () => {
    expect(() => mask({ CapAdd: ["FLY"] })).toThrow('unknown capability: "CAP_FLY"');
    expect(() => mask({ CapDrop: ["CAP_FLY"] })).toThrow('unknown capability: "CAP_FLY"');
  });
});
