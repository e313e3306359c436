import { describe, expect, test } from "bun:test";
import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { Op } from "../../../src/kernel/protocol.ts";
import { expectLaunched, op, shell, useBundle } from "./container.ts";

const { ENOENT, EPERM, EINVAL, ERANGE } = constants.errno;
const bundle = useBundle();

describe("the user", () => {
  test.each([
    ["", [], "uid=0 gid=0 groups=0,10 /root"],
    ["ann", [], "uid=1000 gid=1001 groups=1001,10,29 /home/ann"],
    ["1000", [], "uid=1000 gid=1001 groups=1001,10,29 /home/ann"],
    ["ann:wheel", [], "uid=1000 gid=10 groups=10 /home/ann"],
    ["ann:77", ["audio", "4242"], "uid=1000 gid=77 groups=77,29,4242 /home/ann"],
    ["4000", [], "uid=4000 gid=0 groups=0 /"],
    ["4000:5000", [], "uid=4000 gid=5000 groups=5000 /"],
    [":audio", [], "uid=0 gid=29 groups=29 /root"],
  ] as const)("%p with %p", (user, groups, expected) => {
    const script = `set -- $(grep -E '^(Uid|Gid|Groups):' /proc/self/status); echo uid=$2 gid=$7; grep Groups: /proc/self/status; echo $HOME`;
    const run = bundle.run(bundle.launch({ argv: shell(script), user, groups }));
    expectLaunched(run.first);
    const [ids, list, home] = run.stdout.trim().split("\n");
    const sorted = (list ?? "").replace("Groups:", "").trim().split(/\s+/).sort();
    const wanted = /groups=(\S+)/.exec(expected)?.[1]?.split(",").sort();
    expect(ids).toBe(expected.split(" groups")[0] ?? "");
    expect(sorted).toEqual(wanted ?? []);
    expect(home).toBe(expected.split(" ").at(-1) ?? "");
  });

  test.each([
    ["bob", [], "unable to find user bob: no matching entries in passwd file", ENOENT],
    ["broken", [], "unable to find user broken: no matching entries in passwd file", ENOENT],
    ["ann:nobody", [], "unable to find group nobody: no matching entries in group file", ENOENT],
    ["ann", ["nobody"], "unable to find group nobody: no matching entries in group file", ENOENT],
    ["2147483648", [], "uids and gids must be in range 0-2147483647", ERANGE],
    ["-1", [], "uids and gids must be in range 0-2147483647", ERANGE],
    ["0:4294967295", [], "uids and gids must be in range 0-2147483647", ERANGE],
  ] as const)("%p with %p is refused: %s", (user, groups, step, errno) => {
    const run = bundle.run(bundle.launch({ argv: ["true"], user, groups }));
    expect(run.first).toMatchObject({ op: Op.USER, step, errno, path: "" });
  });

  test("a passwd file that leads out of the root is the root's own", () => {
    rmSync(join(bundle.root, "etc/passwd"));
    symlinkSync("/../../../../../../../../etc/passwd", join(bundle.root, "etc/passwd"));
    const run = bundle.run(bundle.launch({ argv: ["true"], user: "daemon" }));
    expect(run.first).toMatchObject({
      op: Op.USER,
      step: expect.stringContaining("unable to find user daemon"),
    });
  });

  test("a passwd file that is a pipe or far too large does not hold us up", () => {
    rmSync(join(bundle.root, "etc/passwd"));
    const pipe = bundle.run(
      bundle.launch({
        early: [op(Op.DEVICE, "/etc/passwd", 0o10644, 0, 0, 0, 0)],
        argv: ["true"],
        user: "5",
      }),
    );
    expectLaunched(pipe.first);
    rmSync(join(bundle.root, "etc/passwd"));
    writeFileSync(join(bundle.root, "etc/passwd"), "x".repeat((4 << 20) + 1));
    expect(bundle.run(bundle.launch({ argv: ["true"], user: "5" })).first).toMatchObject({
      op: Op.USER,
      path: "/etc/passwd",
    });
  });

  test("owns its descriptors", () => {
    const run = bundle.run(
      bundle.launch({ argv: shell("echo again >/proc/self/fd/1; echo fine"), user: "ann" }),
    );
    expect(run.stdout).toBe("again\nfine\n");
  });
});

describe("credentials", () => {
  test("root has the sets that were asked for and no more", () => {
    const run = bundle.run(bundle.launch({ argv: ["grep", "Cap", "/proc/self/status"] }));
    expect(run.stdout.replace(/\s+/g, " ").trim()).toBe(
      "CapInh: 0000000000000000 CapPrm: 00000000a80425fb CapEff: 00000000a80425fb CapBnd: 00000000a80425fb CapAmb: 0000000000000000",
    );
  });

  test("a user has none but ambient ones; what the machine lacks is not asked of it", () => {
    const all = (1n << 63n) - 1n;
    const run = bundle.run(
      bundle.launch({
        argv: ["grep", "Cap", "/proc/self/status"],
        user: "ann",
        credentials: [all, all, all, 1n << 10n, 1n << 10n],
      }),
    );
    expectLaunched(run.first);
    expect(run.stdout.replace(/\s+/g, " ")).toContain(
      "CapInh: 0000000000000400 CapPrm: 0000000000000400 CapEff: 0000000000000400",
    );
    const plain = bundle.run(bundle.launch({ argv: ["grep", "CapEff", "/proc/self/status"], user: "ann" }));
    expect(plain.stdout).toContain("0000000000000000");
  });
});

/** Refuses one system call with EPERM and allows the others. */
function filter(refused: number): Uint8Array {
  const program: [number, number, number, number][] = [
    [0x20, 0, 0, 0],
    [0x15, 0, 1, refused],
    [0x06, 0, 0, 0x00050000 | EPERM],
    [0x06, 0, 0, 0x7fff0000],
  ];
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [i, [code, yes, no, value]] of program.entries()) {
    view.setUint16(i * 8, code, true);
    view.setUint8(i * 8 + 2, yes);
    view.setUint8(i * 8 + 3, no);
    view.setUint32(i * 8 + 4, value, true);
  }
  return bytes;
}

describe("seccomp", () => {
  const SYS_MKDIR = process.arch === "x64" ? 83 : 34;
  const script = shell("mkdir /tmp/new; grep -E 'NoNewPrivs|Seccomp:' /proc/self/status");

  test("filters before the credentials are dropped, without no-new-privileges", () => {
    const run = bundle.run(bundle.launch({ inside: [op(Op.SECCOMP, 0, filter(SYS_MKDIR))], argv: script }));
    expectLaunched(run.first);
    expect(run.stderr).toContain("Operation not permitted");
    expect(run.stdout.replace(/\s/g, "")).toBe("NoNewPrivs:0Seccomp:2");
  });

  test("filters after, with no-new-privileges; a malformed program is refused", () => {
    const run = bundle.run(
      bundle.launch({
        last: [op(Op.NO_NEW_PRIVS), op(Op.SECCOMP, 0, filter(SYS_MKDIR))],
        argv: script,
        user: "ann",
      }),
    );
    expect(run.stderr).toContain("Operation not permitted");
    expect(run.stdout.replace(/\s/g, "")).toBe("NoNewPrivs:1Seccomp:2");
    const broken = bundle.run(
      bundle.launch({ inside: [op(Op.SECCOMP, 0, filter(1).subarray(0, 8))], argv: ["true"] }),
    );
    expect(broken.first).toMatchObject({ op: Op.SECCOMP, step: "seccomp", errno: EINVAL });
  });
});
