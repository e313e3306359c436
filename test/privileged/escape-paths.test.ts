/** Paths that an image or a client chooses so that the engine would leave the container's root while following them. */
import { beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { importChanged, importEscapeImage, PROBE } from "../support/escape-image.ts";
import { BUSYBOX, NONE, withDaemon } from "../support/fixture.ts";
import { mustRun } from "../support/run-command.ts";

const fixture = withDaemon();
const { daemon, scratch } = fixture;
const run = (...args: readonly string[]) => daemon.docker("run", "--rm", ...NONE, ...args);

/** A file of the host that no container is given. */
const SECRET = join(scratch, "secret");
/** A directory of the host where nothing may appear. */
const OUTSIDE = join(scratch, "outside");
/** Enough to reach the root from anywhere. */
const UP = "../".repeat(24);
let image: string;

beforeAll(async () => {
  writeFileSync(SECRET, "secret of the host\n");
  mkdirSync(OUTSIDE);
  image = await importEscapeImage(fixture);
}, 60_000);

/** An image in which a path of busybox is a link. */
const withLink = (name: string, path: string, target: string, instructions: readonly string[] = []) =>
  importChanged(
    fixture,
    name,
    (root) => {
      rmSync(join(root, path), { recursive: true, force: true });
      mkdirSync(join(root, path, ".."), { recursive: true });
      symlinkSync(target, join(root, path));
    },
    instructions,
  );

describe("working directories (CVE-2024-21626)", () => {
  const LOOK = [
    "sh",
    "-c",
    `cat ./${UP}${SECRET} .${SECRET} ./secret 2> /dev/null; ls ./x/containers 2> /dev/null; true`,
  ];
  const DESCRIPTORS = Array.from({ length: 18 }, (_, index) => index + 3);

  test("run -w /proc/self/fd/N leads nowhere", async () => {
    for (const fd of DESCRIPTORS) {
      const result = await run("-w", `/proc/self/fd/${fd}`, image, ...LOOK);
      expect(result.stdout).toBe("");
      expect(result.code).not.toBe(0);
      expect(result.stderr).toMatch(/mkdir|chdir|getcwd|cwd/);
    }
  }, 60_000);

  test("nor does an image's own, also by a link", async () => {
    const linked = await withLink("linked-cwd", "work", "/proc/self/fd/8", ["WORKDIR /work"]);
    const direct = await withLink("direct-cwd", "work", "/bin", [`WORKDIR /proc/self/fd/7/${UP}`]);
    for (const name of [linked, direct]) expect((await run(name, ...LOOK)).stdout).toBe("");
  });

  test("nor does exec -w", async () => {
    const id = await daemon.mustDocker("run", "-d", ...NONE, image, "sleep", "1000");
    for (const fd of DESCRIPTORS) {
      const result = await daemon.docker("exec", "-w", `/proc/self/fd/${fd}`, id, ...LOOK);
      expect(result.code).not.toBe(0);
      expect(result.stdout).toStartWith("OCI runtime exec failed: ");
      expect(result.stdout).not.toContain("secret");
    }
    await daemon.docker("exec", id, "ln", "-s", "/proc/self/fd/9", "/late");
    expect((await daemon.docker("exec", "-w", "/late", id, ...LOOK)).stdout).not.toContain("secret");
    await daemon.docker("rm", "-f", id);
  }, 60_000);

  test("a directory of dots stays in the root", async () => {
    expect((await run("-w", `/${UP}bin`, image, "pwd")).stdout).toBe("/bin\n");
  });
});

describe("links of the image where the engine mounts", () => {
  const TARGETS = ["/proc", "/sys", "/dev", "/dev/shm", "/etc/hosts", "/etc/resolv.conf", "/sys/fs/cgroup"];

  test.each(TARGETS)("%s as a link out mounts nothing outside", async (path) => {
    const name = await withLink("linked-mount", path.slice(1), UP.slice(0, -1) + OUTSIDE);
    const { stdout } = await run(name, "sh", "-c", `cat ${SECRET}; ls -A ${scratch}; true`);
    expect(stdout).not.toContain("secret");
    expect(readdirSync(OUTSIDE)).toEqual([]);
  });

  test("a /proc elsewhere is refused or masked all the same (CVE-2019-16884)", async () => {
    const name = await withLink("linked-proc", "proc", "/etc");
    const script =
      "for p in /proc /etc; do { true > $p/sysrq-trigger; } 2> /dev/null && echo open $p; head -c 1 $p/kcore; done";
    const { stdout } = await run(name, "sh", "-c", script);
    expect(stdout).toBe("");
    const tricked = await run("--tmpfs", "/proc", image, "sh", "-c", "echo ran");
    expect(tricked.stdout === "" || tricked.code !== 0).toBe(true);
  });

  test("a link to /proc/self/root or to another's root is not followed", async () => {
    for (const target of ["/proc/self/root", "/proc/1/root", "/proc/1/cwd", "/proc/self/fd/5"]) {
      const name = await withLink("linked-magic", "data", target);
      const result = await run("-v", `${OUTSIDE}:/data/x`, name, "true");
      expect(result.code).not.toBe(0);
    }
    expect(readdirSync(OUTSIDE)).toEqual([]);
  });
});

describe("binds", () => {
  test("a target through a link stays inside (CVE-2021-30465)", async () => {
    const name = await withLink("linked-bind", "link", UP + OUTSIDE);
    const { stdout } = await run("-v", `${SECRET}:/link/deep/file:ro`, name, "cat", `${OUTSIDE}/deep/file`);
    expect(stdout).toBe("secret of the host\n");
    expect(readdirSync(OUTSIDE)).toEqual([]);
  });

  test("nor can it be the root itself or be in /proc", async () => {
    for (const target of ["/", `/${UP}`, "/proc/self", "/proc/sys/kernel", "/proc/1"])
      expect((await run("-v", `${OUTSIDE}:${target}`, image, "true")).code).not.toBe(0);
  });

  test("another container that swaps links of a shared volume gets nowhere", async () => {
    const volume = join(scratch, "volume");
    mkdirSync(join(volume, "there"), { recursive: true });
    symlinkSync(UP + scratch, join(volume, "link"));
    const flags = ["-v", `${volume}:/vol`];
    const attacker = await daemon.mustDocker(
      "run",
      "-d",
      ...NONE,
      ...flags,
      image,
      PROBE,
      "swap",
      "/vol/there",
      "/vol/link",
    );
    for (let i = 0; i < 15; i++) {
      const look = `cat ${SECRET} /vol/there/secret /vol/link/secret /mnt/secret; true`;
      const victim = await run(...flags, "-v", `${OUTSIDE}:/vol/there/outside`, image, "sh", "-c", look);
      expect(victim.stdout).toBe("");
    }
    await daemon.mustDocker("rm", "-f", attacker);
    expect(existsSync(join(scratch, "outside/outside"))).toBe(false);
    expect(readdirSync(scratch)).not.toContain("there");
  }, 60_000);

  test("a source that is replaced by a link before the start is what the client named", async () => {
    const source = join(scratch, "source");
    writeFileSync(source, "first\n");
    const id = await daemon.mustDocker("create", ...NONE, "-v", `${source}:/file`, image, "cat", "/file");
    renameSync(source, `${source}.old`);
    writeFileSync(source, "second\n");
    expect((await daemon.docker("start", "-a", id)).stdout).toBe("second\n");
    await daemon.docker("rm", "-f", id);
  });
});

describe("/dev of the user's own", () => {
  test("links in it lead no terminal, device or mount to the host's files", async () => {
    const victim = join(scratch, "victim");
    const own = join(scratch, "own-dev");
    writeFileSync(victim, "kept\n");
    mkdirSync(join(own, "pts"), { recursive: true });
    for (const name of ["console", "null", "zero", "ptmx", "pts/ptmx", "fd"])
      symlinkSync(victim, join(own, name));
    for (const target of ["/dev", "/dev/pts"]) {
      const source = target === "/dev" ? own : join(own, "pts");
      expect((await run("-t", "-v", `${source}:${target}`, image, "echo", "ran")).code).not.toBe(0);
    }
    await run("-v", `${own}:/dev`, image, "true");
    await run("-t", "-v", `${victim}:/dev/console`, image, "echo", "ran");
    expect(readFileSync(victim, "utf8")).toBe("kept\n");
    expect(readdirSync(own).sort()).toEqual(["console", "fd", "null", "ptmx", "pts", "zero"]);
  });
});

describe("names that become paths", () => {
  const create = async (hostConfig: object) => {
    const body = JSON.stringify({
      Image: image,
      Cmd: ["true"],
      HostConfig: { NetworkMode: "none", ...hostConfig },
    });
    const headers = { "content-type": "application/json" };
    return (await daemon.api("POST", "/containers/create", { body, headers })).status;
  };

  test.each([
    "kernel.panic",
    "kernel/panic",
    "net.ipv4.ip_forward/../../../kernel/panic",
    "kernel.shm_rmid_forced/../panic",
    "fs.mqueue.../../kernel.panic",
    "",
  ])("the sysctl %p", async (name) => {
    expect(await create({ Sysctls: { [name]: "0" } })).toBe(400);
  });

  test.each(["../../evil", "/evil/../../x"])("the cgroup parent %p", async (name) => {
    expect(await create({ CgroupParent: name })).toBe(400);
  });

  const others: readonly (readonly [string, object])[] = [
    ["a masked path", { MaskedPaths: ["../../etc/hostname"] }],
    ["a read-only path", { ReadonlyPaths: ["etc"] }],
    ["a runtime", { Runtime: "../../bin/sh" }],
    ["a bind with a NUL", { Binds: ["/tmp:/a\0b"] }],
    ["options of a tmpfs", { Tmpfs: { "/t": "size=1k,lowerdir=/etc" } }],
  ];
  test.each(others)("%s", async (_, hostConfig) => {
    expect(await create(hostConfig)).toBe(400);
  });
});

describe("passwd and group of the image", () => {
  /** A user that this machine has and the image has not. */
  const HOST_USER = "www-data";

  const refused = async (name: string) => {
    const result = await run("--user", HOST_USER, name, "id");
    expect(result.code).not.toBe(0);
    expect(result.stdout).toBe("");
    return result.stderr;
  };

  test.each([`${UP}etc/passwd`, "/proc/1/root/etc/passwd", "/proc/self/cwd/etc/passwd", "/dev/zero"])(
    "a link to %s is not followed out of the root",
    async (target) => {
      expect(await refused(await withLink("linked-passwd", "etc/passwd", target))).toContain(
        `unable to find user ${HOST_USER}: no matching entries in passwd file`,
      );
    },
  );

  test("a FIFO does not hang the start", async () => {
    const tar = join(scratch, "fifo.tar");
    const root = join(scratch, "fifo");
    mkdirSync(join(root, "etc"), { recursive: true });
    await mustRun(["mkfifo", join(root, "etc/passwd"), join(root, "etc/group")]);
    await mustRun(["cp", "-a", "/bin/busybox", join(root, "grep")]);
    await mustRun(["tar", "-C", root, "-cf", tar, "."]);
    await daemon.mustDocker("import", tar, "fifo:latest");
    const ids = ["/grep", "-E", "^[UG]id:", "/proc/self/status"];
    expect((await run("fifo", ...ids)).stdout).toBe("Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n");
    expect((await run("--user", "5:6", "fifo", ...ids)).stdout).toBe("Uid:\t5\t5\t5\t5\nGid:\t6\t6\t6\t6\n");
    expect(await refused("fifo")).toContain("unable to find user");
  });

  test("a huge one is refused by name", async () => {
    const lines = `root:x:0:0:${"x".repeat(60)}:/root:/bin/sh\n`.repeat(80_000);
    const name = await importChanged(fixture, "huge-passwd", (root) =>
      writeFileSync(join(root, "etc/passwd"), lines),
    );
    const stderr = await refused(name);
    expect(stderr).toContain("/etc/passwd");
    expect((await run(BUSYBOX, "echo", "well")).stdout).toBe("well\n");
  });

  test("a damaged one gives nobody root", async () => {
    const text =
      "evil:x:zero:0::/:/bin/sh\nwrap:x:4294967296:4294967296::/:/bin/sh\nneg:x:-1:-1::/:/bin/sh\n";
    const name = await importChanged(fixture, "bad-passwd", (root) =>
      writeFileSync(join(root, "etc/passwd"), text),
    );
    for (const user of ["evil", "wrap", "neg", "4294967296", "-1"])
      expect((await run("--user", user, name, "id")).code).not.toBe(0);
  });
});
