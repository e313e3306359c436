import { describe, expect, test } from "bun:test";
import { seccompFromProfile } from "./user-profile.ts";

const subject = {
  architecture: "x64" as const,
  capabilities: new Set(["CAP_SYS_CHROOT"]),
  kernelVersion: [5, 10] as const,
};
const parse = (profile: object) => seccompFromProfile(profile, subject);

describe("seccompFromProfile", () => {
  test("keeps the rules whose conditions hold", () => {
    const rule = (name: string, conditions: object) => ({
      names: [name],
      action: "SCMP_ACT_ALLOW",
      ...conditions,
    });
    const policy = parse({
      defaultAction: "SCMP_ACT_ERRNO",
      defaultErrnoRet: 38,
      archMap: [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] }],
      syscalls: [
        rule("read", {}),
        rule("chroot", { includes: { caps: ["CAP_SYS_CHROOT"] } }),
        rule("mount", { includes: { caps: ["CAP_SYS_ADMIN"] } }),
        rule("clone", { excludes: { caps: ["CAP_SYS_CHROOT"] } }),
        rule("ptrace", { includes: { minKernel: "4.8" } }),
        rule("cachestat", { includes: { minKernel: "6.5" } }),
        rule("arch_prctl", { includes: { arches: ["amd64"] } }),
        rule("set_tls", { includes: { arches: ["arm64"] } }),
      ],
    });
    expect(policy.syscalls.map(({ names }) => names[0])).toEqual(["read", "chroot", "ptrace", "arch_prctl"]);
    expect(policy.architectures).toEqual(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]);
    expect(policy.defaultErrnoRet).toBe(38);
  });

  test("arguments become exact integers", () => {
    const policy = parse({
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [
        {
          name: "clone",
          action: "SCMP_ACT_ERRNO",
          errnoRet: 7,
          args: [{ index: 0, value: 2114060288, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }],
        },
      ],
    });
    expect(policy.syscalls).toEqual([
      {
        names: ["clone"],
        action: "SCMP_ACT_ERRNO",
        errnoRet: 7,
        args: [{ index: 0, value: 2114060288n, valueTwo: 0n, op: "SCMP_CMP_MASKED_EQ" }],
      },
    ]);
  });

  test("refuses what it cannot carry out", () => {
    const base = { defaultAction: "SCMP_ACT_ALLOW" };
    expect(() => parse({})).toThrow("defaultAction undefined is not a seccomp action");
    expect(() => parse({ ...base, syscalls: {} })).toThrow("syscalls is not a list");
    expect(() => parse({ ...base, syscalls: [{ names: ["read"], action: "SCMP_ACT_NOTIFY" }] })).toThrow(
      "not implemented",
    );
    const withArgument = (argument: object) => ({
      ...base,
      syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW", args: [argument] }],
    });
    expect(() => parse(withArgument({ index: 6, value: 0, op: "SCMP_CMP_EQ" }))).toThrow("above 5");
    expect(() => parse(withArgument({ index: 0, value: -1, op: "SCMP_CMP_EQ" }))).toThrow("unsigned");
    expect(() =>
      parse({ ...base, architectures: ["SCMP_ARCH_X86"], archMap: [{ architecture: "SCMP_ARCH_X86_64" }] }),
    ).toThrow("use either");
  });
});
