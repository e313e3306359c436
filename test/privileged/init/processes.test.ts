import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readlinkSync, rmdirSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { Op } from "../../../src/kernel/protocol.ts";
import { expectLaunched, NEW, op, shell, USUAL, useBundle } from "./container.ts";

const { ENOENT, ENODEV } = constants.errno;
const bundle = useBundle();

describe("a terminal", () => {
  const script = shell(
    "tty; stat -c %u $(tty); ls -1 /proc/self/fd; echo x >/dev/tty; test -c /dev/console && echo console",
  );

  test.each([[[]], [[op(Op.INIT)]]])("is the program's, with its console, init %p", (last) => {
    const run = bundle.run(bundle.launch({ inRoot: [op(Op.CONSOLE)], last, argv: script, user: "ann" }), [
      "--tty",
    ]);
    expectLaunched(run.first);
    expect(run.stdout.split("\r\n")).toEqual(["/dev/pts/0", "1000", "0", "1", "2", "3", "x", "console", ""]);
    expect(run.stderr).toBe("");
  });

  test("must be of devpts", () => {
    const run = bundle.run(
      bundle.launch({
        inRoot: [op(Op.BIND_IN, bundle.directory, "/dev/pts", 0, 0), op(Op.CONSOLE)],
        argv: ["true"],
      }),
      ["--tty"],
    );
    expect(run.first).toMatchObject({ op: Op.CONSOLE, step: "openat2", errno: ENOENT });
    writeFileSync(join(bundle.directory, "ptmx"), "");
    const fake = bundle.run(
      bundle.launch({
        inRoot: [op(Op.BIND_IN, bundle.directory, "/dev/pts", 0, 0), op(Op.CONSOLE)],
        argv: ["true"],
      }),
      ["--tty"],
    );
    expect(fake.first).toMatchObject({ op: Op.CONSOLE, step: "devpts", errno: ENODEV });
  });

  test("a plan that has neither terminal nor descriptors is refused", () => {
    const run = bundle.run(bundle.launch({ argv: ["true"] }), ["--tty"]);
    expect(run.first).toMatchObject({ op: Op.EXEC, step: "plan" });
  });
});

describe("one more process", () => {
  const idle = shell("while :; do sleep 1000; done");

  test("is in all namespaces of the first, with a code of its own", () => {
    const script =
      "for p in 1 self; do for n in pid mnt net ipc uts cgroup; do readlink /proc/$p/ns/$n; done; done; pwd; ls /proc/self/fd; exit 9";
    const run = bundle.run(
      bundle.launch({ argv: idle, last: [] }),
      [],
      bundle.program({
        argv: shell(script),
        cwd: "/tmp",
        credentials: [(1n << 41n) - 1n, (1n << 41n) - 1n, (1n << 41n) - 1n, 0n, 0n],
      }),
    );
    expectLaunched(run.first);
    expectLaunched(run.second);
    const lines = run.stdout.trim().split("\n");
    expect(lines.slice(0, 6)).toEqual(lines.slice(6, 12));
    expect(lines[0]).not.toBe(readlinkSync("/proc/self/ns/pid"));
    expect(lines.slice(12)).toEqual(["/tmp", "0", "1", "2", "3"]);
    expect(run.second?.code).toBe(9);
  });

  test("fails where its directory or program is missing", () => {
    const cwd = bundle.run(bundle.launch({ argv: idle }), [], bundle.program({ argv: ["true"], cwd: "/no" }));
    expect(cwd.second).toMatchObject({ op: Op.WORKDIR, step: "chdir", errno: ENOENT, path: "/no" });
    const program = bundle.run(bundle.launch({ argv: idle }), [], bundle.program({ argv: ["nope"] }));
    expect(program.second).toMatchObject({ op: Op.EXEC, step: "lookup", errno: ENOENT, path: "nope" });
  });

  test("gets a terminal of the container", () => {
    const run = bundle.run(
      bundle.launch({ argv: idle }),
      ["--exec-tty"],
      [op(Op.CONSOLE), ...bundle.program({ argv: shell("tty; test -e /dev/console || echo none") })],
    );
    expectLaunched(run.second);
    expect(run.stdout).toBe("/dev/pts/0\r\nnone\r\n");
  });
});

describe("namespaces", () => {
  test("a user namespace has its maps, its root and its devices", () => {
    chmodSync(bundle.directory, 0o755);
    const run = bundle.run(
      bundle.launch({
        argv: shell(
          "cat /proc/self/uid_map /proc/self/gid_map; id -u; grep /dev/null /proc/self/mountinfo | wc -l; echo x >/dev/null && echo null",
        ),
      }),
      ["--flags", String(USUAL | NEW.USER), "--uid-map", "0 0 65536", "--gid-map", "0 0 65536"],
    );
    expectLaunched(run.first);
    expect(run.stdout.replace(/ +/g, " ")).toBe(" 0 0 65536\n 0 0 65536\n0\n1\nnull\n");
  });

  test("a user namespace of strangers", () => {
    chmodSync(bundle.directory, 0o755);
    const idle = shell("sleep 1000");
    const flags = [
      "--flags",
      String(USUAL | NEW.USER),
      "--uid-map",
      "0 300000 65536",
      "--gid-map",
      "0 300000 65536",
    ];
    const run = bundle.run(
      [
        op(Op.WRITE_FILE, "/proc/self/oom_score_adj", "500", 0),
        ...bundle.launch({ argv: idle, cwd: "/tmp" }),
      ],
      flags,
      bundle.program({ argv: shell("id -u; cat /proc/self/uid_map; cat /proc/1/oom_score_adj") }),
    );
    expectLaunched(run.first);
    expectLaunched(run.second);
    expect(run.stdout.replace(/ +/g, " ")).toBe("0\n 0 300000 65536\n500\n");
  });

  test("joins those of another process, its pid namespace among them", () => {
    const create = USUAL & ~(NEW.NET | NEW.PID | NEW.IPC);
    const run = bundle.run(
      bundle.launch({ argv: shell("readlink /proc/self/ns/net; readlink /proc/self/ns/ipc; echo $$") }),
      [
        ...[
          "--flags",
          String(create),
          "--join",
          `/proc/self/ns/net:${NEW.NET}`,
          "--join",
          `/proc/self/ns/ipc:${NEW.IPC}`,
        ],
        ...["--join", `/proc/self/ns/pid:${NEW.PID}`],
      ],
    );
    expectLaunched(run.first);
    const lines = run.stdout.trim().split("\n");
    expect(lines).toEqual([
      readlinkSync("/proc/self/ns/net"),
      readlinkSync("/proc/self/ns/ipc"),
      String(run.first.pid),
    ]);
  });

  test("a joined network below a new user namespace is made through an intermediate process", () => {
    chmodSync(bundle.directory, 0o755);
    const run = bundle.run(bundle.launch({ argv: shell("readlink /proc/self/ns/net; id -u; echo $$") }), [
      ...["--flags", String((USUAL | NEW.USER) & ~NEW.NET), "--join", `/proc/self/ns/net:${NEW.NET}`],
      ...["--uid-map", "0 0 65536", "--gid-map", "0 0 65536"],
    ]);
    expectLaunched(run.first);
    expect(run.stdout).toBe(`${readlinkSync("/proc/self/ns/net")}\n0\n1\n`);
  });

  test("enters its cgroups; a missing one is told by name", () => {
    const groups = [
      "/sys/fs/cgroup/memory",
      "/sys/fs/cgroup/pids",
      "/sys/fs/cgroup/unified",
      "/sys/fs/cgroup",
    ]
      .filter((path) => existsSync(join(path, "cgroup.procs")))
      .map((path) => join(path, `berth-init-test-${process.pid}`));
    for (const group of groups) mkdirSync(group);
    try {
      const run = bundle.run(
        bundle.launch({ argv: ["cat", "/proc/self/cgroup"] }),
        groups.flatMap((group) => ["--cgroup", group]),
      );
      expectLaunched(run.first);
      // A new cgroup namespace begins where the process was.
      const roots = run.stdout
        .trim()
        .split("\n")
        .filter((line) => line.endsWith(":/"));
      expect(roots.length).toBeGreaterThanOrEqual(groups.length);
      expect(run.stdout).not.toContain("berth-init-test");
    } finally {
      for (const group of groups) rmdirSync(group);
    }
    const run = bundle.run(bundle.launch({ argv: ["true"] }), ["--cgroup", "/sys/fs/cgroup/nowhere"]);
    expect(run.first).toMatchObject({
      op: Op.CGROUP_ENTER,
      step: "open",
      errno: ENOENT,
      path: "/sys/fs/cgroup/nowhere/cgroup.procs",
    });
  });
});
