import { describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { Op } from "../../../src/kernel/protocol.ts";
import { expectLaunched, op, shell, useBundle } from "./container.ts";

const { ENOENT, EACCES, EISDIR, ENOEXEC, EINVAL } = constants.errno;
const bundle = useBundle();

describe("a program", () => {
  test("runs with its output, environment, directory and code", () => {
    const run = bundle.run(
      bundle.launch({
        argv: shell("echo $HOME $A; pwd; umask; echo err >&2; exit 7"),
        cwd: "/made/here",
        env: ["PATH=/bin", "A=b"],
      }),
    );
    expectLaunched(run.first);
    expect(run.first.code).toBe(7);
    expect(run.stdout).toBe("/root b\n/made/here\n0022\n");
    expect(run.stderr).toBe("err\n");
  });

  test("is PID 1, leads a session, and has no descriptor of the host but its three", () => {
    const script = "echo $$; cut -d' ' -f6 /proc/self/stat; ls /proc/1/fd; echo; ls /proc/self/fd; true";
    const run = bundle.run(bundle.launch({ argv: shell(script) }));
    expectLaunched(run.first);
    // ls holds the directory that it lists as a fourth.
    expect(run.stdout).toBe("1\n1\n0\n1\n2\n\n0\n1\n2\n3\n");
  });

  test("starts with no signal blocked or ignored", () => {
    const run = bundle.run(
      bundle.launch({ argv: ["grep", "-E", "SigBlk|SigIgn|SigCgt", "/proc/self/status"] }),
    );
    expect(run.stdout.match(/0000000000000000/g)).toHaveLength(3);
  });

  test("sees only its own mounts, and those of the plan", () => {
    const run = bundle.run(bundle.launch({ argv: ["cat", "/proc/self/mountinfo"] }));
    const targets = run.stdout
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[4]);
    expect(targets).toEqual(["/", "/proc", "/dev", "/dev/pts"]);
  });

  test.each([
    [["missing"], "lookup", ENOENT],
    [["/missing"], "lookup", ENOENT],
    [["/etc/passwd"], "lookup", EACCES],
    [["passwd"], "lookup", ENOENT],
    [["/etc"], "lookup", EISDIR],
    [["/bin/garbage"], "exec", ENOEXEC],
    [["/bin/orphan"], "exec", ENOENT],
    [[""], "lookup", ENOENT],
  ] as const)("that is %p fails with %s and its errno", (argv, step, errno) => {
    writeFileSync(join(bundle.root, "bin/garbage"), "\u0001garbage", { mode: 0o755 });
    writeFileSync(join(bundle.root, "bin/orphan"), "#!/no/such/interpreter\n", { mode: 0o755 });
    const plan = bundle.launch({ argv, env: ["PATH=/etc:/bin"] });
    const run = bundle.run(plan);
    expect(run.first).toMatchObject({
      op: Op.EXEC,
      index: plan.length - 1,
      step,
      errno,
      path: argv[0],
      code: 127,
    });
  });

  test("is looked for with the user's rights, after root's were dropped", () => {
    mkdirSync(join(bundle.root, "private"), { mode: 0o700 });
    symlinkSync("/bin/busybox", join(bundle.root, "private/true"));
    const run = bundle.run(bundle.launch({ argv: ["/private/true"], user: "ann" }));
    expect(run.first).toMatchObject({ op: Op.EXEC, step: "lookup", errno: EACCES });
  });

  test("is never looked for in a relative directory of PATH", () => {
    const run = bundle.run(bundle.launch({ argv: ["true"], cwd: "/bin", env: ["PATH=.::bin"] }));
    expect(run.first).toMatchObject({ op: Op.EXEC, step: "lookup", errno: ENOENT });
  });
});

describe("settings", () => {
  test("names, limits, loopback, mask, the score of the OOM killer", () => {
    const run = bundle.run([
      op(Op.WRITE_FILE, "/proc/self/oom_score_adj", "321", 0),
      op(Op.WRITE_FILE, "/proc/no/such", "1", 1),
      ...bundle.launch({
        inRoot: [
          op(Op.HOSTNAME, "berthed"),
          op(Op.DOMAINNAME, "example"),
          op(Op.LOOPBACK_UP),
          op(Op.NEW_KEYRING, "k"),
        ],
        inside: [op(Op.RLIMIT, 7, 100, 200), op(Op.UMASK, 0o027)],
        argv: shell(
          "hostname; cat /proc/sys/kernel/domainname; ulimit -n; ulimit -Hn; umask; cat /proc/self/oom_score_adj; grep -c 127.0.0.1 /proc/net/fib_trie",
        ),
      }),
    ]);
    expectLaunched(run.first);
    expect(run.stdout.split("\n").slice(0, 6)).toEqual(["berthed", "example", "100", "200", "0027", "321"]);
    expect(Number(run.stdout.split("\n")[6])).toBeGreaterThan(0);
  });

  test("an impossible limit fails", () => {
    const run = bundle.run(bundle.launch({ inside: [op(Op.RLIMIT, 7, 200, 100)], argv: ["true"] }));
    expect(run.first).toMatchObject({ op: Op.RLIMIT, step: "setrlimit", errno: EINVAL });
  });
});

describe("--init", () => {
  const init = [op(Op.INIT)];

  test("stays as PID 1 under its own name, without descriptors, unreadable for the program", () => {
    const run = bundle.run(
      bundle.launch({
        last: init,
        argv: shell(
          "echo pid $$; cat /proc/1/cmdline | tr -d '\\0'; echo; cat /proc/1/comm; readlink /proc/1/exe || echo hidden; ls /proc/1/fd | wc -l; exit 3",
        ),
      }),
    );
    expectLaunched(run.first);
    expect(run.first.code).toBe(3);
    expect(run.stdout).toBe("pid 2\nberth-init\nberth-init\nhidden\n0\n");
  });

  test("reaps orphans", () => {
    // The inner shell's child outlives it and is then the init's; a zombie would still be listed.
    const run = bundle.run(
      bundle.launch({
        last: init,
        argv: shell(
          "sh -c 'sleep 1000 >/dev/null & echo $! >/tmp/pid'; kill -9 $(cat /tmp/pid); while [ -d /proc/$(cat /tmp/pid) ]; do :; done; echo reaped",
        ),
      }),
    );
    expect(run.stdout).toBe("reaped\n");
  });

  test("passes signals on, and ends as the program did", () => {
    const handled = bundle.run(
      bundle.launch({
        last: init,
        argv: shell("trap 'echo got; exit 5' TERM; echo ready; while :; do read x </dev/null; done"),
      }),
      ["--signal", "15"],
    );
    expect(handled.first.code).toBe(5);
    expect(handled.stdout).toBe("ready\ngot\n");
    const killed = bundle.run(bundle.launch({ last: init, argv: shell("echo ready; while :; do :; done") }), [
      "--signal",
      "15",
    ]);
    expect(killed.first).toMatchObject({ code: 143, signal: 0 });
  });

  test("reports a program that cannot be executed", () => {
    writeFileSync(join(bundle.root, "bin/garbage"), "\u0001garbage", { mode: 0o755 });
    const run = bundle.run(bundle.launch({ last: init, argv: ["/bin/garbage"] }));
    expect(run.first).toMatchObject({ op: Op.EXEC, step: "exec", errno: ENOEXEC, code: 127 });
  });
});
