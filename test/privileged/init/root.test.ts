import { describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { Bind, Op } from "../../../src/kernel/protocol.ts";
import { expectLaunched, MS, NEW, op, shell, useBundle } from "./container.ts";

const { ELOOP, EPERM, EINVAL } = constants.errno;
const bundle = useBundle();

describe("hostile roots", () => {
  test("a link to / leads nowhere but into the root", () => {
    rmSync(join(bundle.root, "etc"), { recursive: true });
    symlinkSync("/", join(bundle.root, "etc"));
    symlinkSync("../../../../../../../../tmp/berth-escaped", join(bundle.root, "dangling"));
    const source = join(bundle.directory, "hosts");
    writeFileSync(source, "from the host\n");
    const run = bundle.run(
      bundle.launch({
        inRoot: [
          op(Op.BIND_IN, source, "/etc/hosts", 0, 0),
          op(Op.BIND_IN, source, "/dangling/file", 0, 0),
          op(Op.MKDIR, "/etc/../../../escaped", 0o700),
        ],
        argv: ["cat", "/hosts", "/tmp/berth-escaped/file"],
      }),
    );
    expectLaunched(run.first);
    expect(run.stdout).toBe("from the host\nfrom the host\n");
    expect(existsSync("/tmp/berth-escaped")).toBe(false);
    expect(existsSync("/escaped")).toBe(false);
    expect(statSync(join(bundle.root, "escaped")).mode & 0o7777).toBe(0o700);
  });

  test("a volume on a link to the root itself is refused", () => {
    symlinkSync("/", join(bundle.root, "data"));
    const run = bundle.run(
      bundle.launch({ inRoot: [op(Op.BIND_IN, bundle.directory, "/data", 0, 0)], argv: ["true"] }),
    );
    expect(run.first).toMatchObject({ op: Op.BIND_IN, step: "move_mount", errno: EINVAL, path: "/data" });
  });

  test.each(["/proc/self", "/proc/sys/net", "/lnk"])("a volume over the kernel's %s is refused", (target) => {
    symlinkSync("/proc/sys", join(bundle.root, "lnk"));
    const run = bundle.run(bundle.launch({ inRoot: [op(Op.BIND_IN, "/tmp", target, 0, 0)], argv: ["true"] }));
    expect(run.first).toMatchObject({ op: Op.BIND_IN, step: "procfs", errno: EPERM, path: target });
  });

  test("a file over /proc/meminfo is allowed", () => {
    const source = join(bundle.directory, "meminfo");
    writeFileSync(source, "MemTotal: 1 kB\n");
    const run = bundle.run(
      bundle.launch({
        inRoot: [op(Op.BIND_IN, source, "/proc/meminfo", 0, 0)],
        argv: ["cat", "/proc/meminfo"],
      }),
    );
    expect(run.stdout).toBe("MemTotal: 1 kB\n");
  });

  test("proc is not mounted at the end of a link", () => {
    rmdirSync(join(bundle.root, "proc"));
    mkdirSync(join(bundle.root, "fake"));
    symlinkSync("/fake", join(bundle.root, "proc"));
    const run = bundle.run(bundle.launch({ argv: ["true"] }));
    expect(run.first).toMatchObject({ op: Op.MOUNT_IN, step: "openat2", errno: ELOOP, path: "/proc" });
  });

  test("a sysctl is written to a true procfs only, below /proc/sys", () => {
    const written = bundle.run(
      bundle.launch({
        inRoot: [op(Op.SYSCTL, "net/ipv4/ip_forward", "1")],
        argv: ["cat", "/proc/sys/net/ipv4/ip_forward"],
      }),
    );
    expect(written.stdout).toBe("1\n");
    const above = bundle.run(
      bundle.launch({ inRoot: [op(Op.SYSCTL, "../sysrq-trigger", "h")], argv: ["true"] }),
    );
    expect(above.first).toMatchObject({ op: Op.SYSCTL, errno: EINVAL });
    mkdirSync(join(bundle.root, "proc/sys/net"), { recursive: true });
    writeFileSync(join(bundle.root, "proc/sys/net/x"), "untouched");
    const fake = bundle.run(bundle.launch({ early: [op(Op.SYSCTL, "net/x", "1")], argv: ["true"] }));
    expect(fake.first).toMatchObject({ op: Op.SYSCTL, step: "procfs", errno: EPERM });
    expect(readFileSync(join(bundle.root, "proc/sys/net/x"), "utf8")).toBe("untouched");
  });

  test("a working directory outside of the root is refused", () => {
    symlinkSync("/proc/self/cwd", join(bundle.root, "cwd"));
    const run = bundle.run(bundle.launch({ argv: ["true"], cwd: "/cwd" }));
    expect(run.first).toMatchObject({ op: Op.WORKDIR, errno: ELOOP, path: "/cwd" });
  });

  test("no operation in the root works before there is one, and none mounts without namespace", () => {
    const early = bundle.run([op(Op.MKDIR, "/berth-must-not-be", 0o755)]);
    expect(early.first).toMatchObject({ op: Op.MKDIR, index: 0, step: "mkdir" });
    expect(existsSync("/berth-must-not-be")).toBe(false);
    const host = bundle.run([op(Op.PROPAGATION, "/", MS.REC | MS.PRIVATE)], ["--flags", String(NEW.UTS)]);
    expect(host.first).toMatchObject({ op: Op.PROPAGATION, step: "namespace", errno: EPERM });
  });
});

describe("mounts", () => {
  test("masks hide files and directories, read-only paths refuse writes, absent ones are skipped", () => {
    mkdirSync(join(bundle.root, "secret"));
    writeFileSync(join(bundle.root, "secret/key"), "key");
    mkdirSync(join(bundle.root, "secret2"));
    const run = bundle.run(
      bundle.launch({
        inRoot: [
          op(Op.MASK, "/proc/kcore"),
          op(Op.MASK, "/secret"),
          op(Op.MASK, "/secret2"),
          op(Op.MASK, "/nowhere"),
          op(Op.READONLY, "/proc/sys"),
          op(Op.READONLY, "/tmp"),
          op(Op.READONLY, "/nowhere"),
        ],
        argv: shell(
          "cat /proc/kcore; ls /secret; touch /secret/x; touch /secret2/x; touch /tmp/x; echo 1 >/proc/sys/net/ipv4/ip_forward; touch /ok && echo done",
        ),
      }),
    );
    expectLaunched(run.first);
    expect(run.stdout).toBe("done\n");
    expect(run.stderr.match(/Read-only file system/g)).toHaveLength(4);
  });

  test("binds follow their flags and make their targets", () => {
    const source = join(bundle.directory, "volume");
    mkdirSync(source);
    writeFileSync(join(source, "file"), "content\n");
    const run = bundle.run(
      bundle.launch({
        inRoot: [
          op(Op.BIND_IN, source, "/a/b/rw", Bind.RECURSIVE, MS.PRIVATE | MS.REC),
          op(
            Op.BIND_IN,
            source,
            "/ro",
            Bind.RECURSIVE | Bind.READONLY | Bind.NOSUID | Bind.NODEV | Bind.NOEXEC,
            MS.SLAVE,
          ),
          op(Op.BIND_IN, source, "/rro", Bind.READONLY_RECURSIVE, 0),
          op(Op.BIND_IN, join(source, "file"), "/etc/bound", Bind.READONLY, MS.PRIVATE),
        ],
        argv: shell(
          "touch /a/b/rw/new; touch /ro/no; touch /rro/no; cat /etc/bound; grep ' /ro ' /proc/self/mountinfo | cut -d' ' -f6",
        ),
      }),
    );
    expectLaunched(run.first);
    expect(existsSync(join(source, "new"))).toBe(true);
    expect(existsSync(join(source, "no"))).toBe(false);
    expect(run.stdout).toBe("content\nro,nosuid,nodev,noexec,relatime\n");
  });

  test("a read-only root, devices and links", () => {
    const run = bundle.run(
      bundle.launch({
        inRoot: [
          op(Op.DEVICE, "/dev/zero", 0o20644, 1, 5, 1000, 1001),
          op(Op.SYMLINK, "/proc/self/fd", "/dev/fd"),
          op(Op.READONLY_ROOT),
        ],
        argv: shell(
          "touch /x; stat -c '%a %u %g %t:%T' /dev/zero; readlink /dev/fd; echo y >/dev/null && echo fine",
        ),
      }),
    );
    expect(run.stderr).toContain("Read-only file system");
    expect(run.stdout).toBe("644 1000 1001 1:5\n/proc/self/fd\nfine\n");
  });

  test("sysfs, mqueue, cgroup and cgroup2 where the machine has them", () => {
    const run = bundle.run(
      bundle.launch({
        inRoot: [
          op(Op.MOUNT_IN, "sysfs", "sysfs", "/sys", 15, ""),
          op(Op.MOUNT_IN, "mqueue", "mqueue", "/dev/mqueue", 14, ""),
          op(Op.MOUNT_IN, "tmpfs", "tmpfs", "/sys/fs/cgroup", 14, "mode=755"),
          ...(existsSync("/sys/fs/cgroup/memory")
            ? [
                op(Op.MOUNT_IN, "cgroup", "cgroup", "/sys/fs/cgroup/memory", 15, "memory"),
                op(Op.MOUNT_IN, "cgroup", "cgroup", "/sys/fs/cgroup/systemd", 15, "none,name=systemd"),
              ]
            : []),
          op(Op.MOUNT_IN, "cgroup2", "cgroup2", "/sys/fs/cgroup/unified", 15, ""),
        ],
        argv: shell(
          "ls /sys/class/net | grep -vx sit0; cat /sys/fs/cgroup/unified/cgroup.procs /sys/fs/cgroup/memory/cgroup.procs | grep -x 1 | sort -u",
        ),
      }),
    );
    expectLaunched(run.first);
    expect(run.stdout).toBe("lo\n1\n");
  });

  test("a failure names the operation, its place, step and path", () => {
    const run = bundle.run(
      bundle.launch({ early: [op(Op.MOUNT_IN, "tmpfs", "t", "/tmp", 0, "nosuch=1")], argv: ["true"] }),
    );
    expect(run.first).toMatchObject({
      op: Op.MOUNT_IN,
      index: 3,
      step: "fsconfig",
      errno: EINVAL,
      path: "nosuch",
    });
  });
});
