/** What the kernel is asked for by a hostile program in a default container, and what it gets. */
import { beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { importEscapeImage, PROBE } from "../support/escape-image.ts";
import { BUSYBOX, NONE, withDaemon } from "../support/fixture.ts";

const fixture = withDaemon();
const { daemon } = fixture;
let image: string;

beforeAll(async () => {
  image = await importEscapeImage(fixture);
}, 60_000);

const run = (...args: readonly string[]) => daemon.docker("run", "--rm", ...NONE, ...args);
const shell = async (script: string, ...flags: readonly string[]) =>
  (await run(...flags, image, "sh", "-c", script)).stdout;

/** Name and result of each attempt of `escape-probe calls`. */
async function attempts(...flags: readonly string[]): Promise<Map<string, string>> {
  const { stdout, stderr, code } = await run(...flags, image, PROBE, "calls");
  expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
  const lines = stdout.split("\n").filter((line) => line !== "");
  return new Map(lines.map((line) => [line.split(" ", 1)[0] ?? "", line.slice(line.indexOf(" ") + 1)]));
}

const ONLY_THE_FILTER_REFUSES = ["keyctl", "add_key"] as const;
const REFUSED = (
  "init_module finit_module delete_module kexec mount remount_proc umount pivot open_tree fsopen setns unshare_user " +
  "unshare_mounts unshare_cgroup clone_user clone_pid bpf perf userfaultfd io_uring keyctl add_key request_key swapon " +
  "reboot syslog acct quotactl vsock alg sethostname vhangup personality settimeofday handle block_virtio block_nvme " +
  "block_scsi block_loop memory kmsg loop_control"
).split(" ");
const REFUSED_I386 = "unshare mount keyctl init_module bpf io_uring clone"
  .split(" ")
  .map((name) => `i386_${name}`);

describe("system calls", () => {
  test("what reaches beyond the container is refused", async () => {
    const results = await attempts();
    expect(REFUSED.map((name) => `${name} ${results.get(name)}`)).toEqual(
      REFUSED.map((name) => `${name} EPERM`),
    );
    // C libraries fall back on this answer only.
    expect(results.get("clone3")).toBe("ENOSYS");
    expect(results.get("ptrace_host")).toBe("ESRCH");
    expect([results.get("inet"), results.get("node_null")]).toEqual(["OK", "OK"]);
  });

  test.skipIf(process.arch !== "x64")("neither the 32-bit calls nor x32 go around the filter", async () => {
    const results = await attempts();
    const x32 = ["x32_getpid", "x32_unshare", "x32_keyctl"].map((name) => results.get(name));
    expect(x32).toEqual(["ENOSYS", "ENOSYS", "ENOSYS"]);
    // A kernel without a table of 32-bit calls (user-mode Linux) takes the numbers for others: none may succeed.
    const expected = results.get("i386_getpid") === "OK" ? "EPERM" : "(E[A-Z]+|signal \\d+)";
    for (const name of REFUSED_I386)
      expect(`${name} ${results.get(name)}`).toMatch(new RegExp(`^${name} ${expected}$`));
  });

  test("it is the filter that refuses them: without it some succeed", async () => {
    const results = await attempts("--security-opt", "seccomp=unconfined");
    for (const name of ONLY_THE_FILTER_REFUSES) expect(`${name} ${results.get(name)}`).toBe(`${name} OK`);
    expect(results.get("block_virtio")).toBe("EPERM");
  });

  test("a process that joins later has the same filter", async () => {
    const id = await daemon.mustDocker("run", "-d", ...NONE, image, "sleep", "1000");
    const { stdout } = await daemon.docker("exec", id, PROBE, "calls");
    await daemon.docker("rm", "-f", id);
    expect(stdout).toContain("keyctl EPERM\n");
    expect(stdout).toContain("unshare_user EPERM\n");
    expect(stdout).toContain("block_virtio EPERM\n");
  });

  test("a chroot is no way out", async () => {
    expect((await run(image, PROBE, "break-chroot")).stdout).toBe("container 1\n");
  });
});

describe("kernel files", () => {
  const WRITES = [
    ...["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/vm/overcommit_memory"],
    ...[
      "/proc/sys/fs/file-max",
      "/proc/sysrq-trigger",
      "/proc/irq/default_smp_affinity",
      "/sys/kernel/uevent_helper",
    ],
    ...["/sys/power/state", "/proc/sys/kernel/modprobe", "/proc/sys/net/ipv4/ip_forward"],
  ];

  test("sysctls and triggers cannot be written", async () => {
    // An empty write: on a machine that is open all the same it changes nothing.
    const script = WRITES.map(
      (file) => `[ ! -e ${file} ] || { true >> ${file}; } 2>/dev/null && [ -e ${file} ] && echo ${file}`,
    );
    expect(await shell(script.join("\n"))).toBe("");
    expect(await shell(script.join("\n"), "--cap-add", "ALL")).toBe("");
  });

  test("the cgroups are read-only", async () => {
    const script = `for d in /sys/fs/cgroup /sys/fs/cgroup/*; do
      mkdir $d/evil 2>/dev/null && echo made $d; { true > $d/cgroup.procs; } 2>/dev/null && echo opened $d; done; ls /sys/fs/cgroup | wc -l`;
    const lines = (await shell(script)).trim().split("\n");
    expect(lines).toHaveLength(1);
    expect(Number(lines[0])).toBeGreaterThan(0);
  });

  test("masked paths are empty, also for a process that joins later", async () => {
    const script = `for f in kcore keys timer_list sched_debug latency_stats interrupts; do
      [ ! -e /proc/$f ] || [ -c /proc/$f ] || echo open $f; head -c 16 /proc/$f 2> /dev/null; done
      ls -A /sys/firmware /proc/acpi /proc/scsi /sys/devices/virtual/powercap 2>/dev/null | grep -v '^/\\|^$'; true`;
    const id = await daemon.mustDocker("run", "-d", ...NONE, image, "sleep", "1000");
    const joined = await daemon.docker("exec", id, "sh", "-c", script);
    await daemon.docker("rm", "-f", id);
    expect([await shell(script), joined.stdout]).toEqual(["", ""]);
    // Otherwise there is something to see.
    expect(await shell(script, "--security-opt", "systempaths=unconfined")).toContain("open timer_list\n");
  });

  test("no process of the host is seen, and no mount of it", async () => {
    const output = await shell("echo $$; ls -d /proc/[0-9]* | wc -l; cut -d ' ' -f 5 /proc/self/mountinfo");
    const [pid, count, ...mounts] = output.trim().split("\n");
    expect(pid).toBe("1");
    // The shell, ls and wc.
    expect(Number(count)).toBeLessThanOrEqual(3);
    expect(
      mounts.filter((path) => !/^\/($|proc|dev|sys|etc\/(resolv\.conf|hostname|hosts)$)/.test(path)),
    ).toEqual([]);
  });

  test("/dev has the default nodes and nothing else", async () => {
    const nodes = (await shell("ls -A /dev")).trim().split("\n").sort();
    const links = ["core", "fd", "ptmx", "stderr", "stdin", "stdout"];
    const devices = ["full", "null", "random", "tty", "urandom", "zero"];
    expect(nodes).toEqual([...links, ...devices, "mqueue", "pts", "shm"].sort());
  });
});

describe("descriptors", () => {
  /** `number -> what` of each line of `ls -l` in a fd directory but the directory that ls itself reads. */
  const descriptors = (output: string) =>
    output.split(/\r?\n/).flatMap((line) => /\d+ -> (?!\/proc\/).*/.exec(line)?.[0] ?? []);
  const numbers = (output: string) => descriptors(output).map((each) => each.split(" ", 1)[0]);

  test.each([[[]], [["-i"]], [["-t"]], [["--privileged"]]])(
    "the first process has 0, 1, 2 (%p)",
    async (flags) => {
      const { stdout } = await run(...flags, image, "ls", "-l", "/proc/self/fd");
      expect(numbers(stdout)).toEqual(["0", "1", "2"]);
      expect(stdout).not.toMatch(/berth|socket:|memfd|overlay|\/(tmp|scratch)/);
    },
  );

  test("a process that joins has no more, and leaves none to those that are there", async () => {
    const id = await daemon.mustDocker("run", "-d", ...NONE, image, "sleep", "1000");
    for (const flags of [[], ["-i"], ["-t"], ["--privileged"]]) {
      const { stdout } = await daemon.docker("exec", ...flags, id, "ls", "-l", "/proc/self/fd");
      expect(numbers(stdout)).toEqual(["0", "1", "2"]);
      expect(stdout).not.toMatch(/berth|socket:|memfd|\/(tmp|scratch)/);
    }
    const { stdout } = await daemon.docker("exec", id, "ls", "-l", "/proc/1/fd");
    expect(numbers(stdout)).toEqual(["0", "1", "2"]);
    await daemon.docker("rm", "-f", id);
  });
});

const hashOf = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

describe("the engine's own program (CVE-2019-5736)", () => {
  /** Our programs where the daemon keeps them. */
  const programs = () => {
    const directory = join(daemon.root, "d/bin");
    return readdirSync(directory).map((name) => `${name} ${hashOf(join(directory, name))}`);
  };

  test("a container that waits for joining processes gets hold of none of their files", async () => {
    const before = programs();
    const id = await daemon.mustDocker("run", "-d", ...NONE, image, PROBE, "overwrite", "60");
    for (let i = 0; i < 25; i++) await daemon.mustDocker("exec", id, "/bin/true");
    // It ends the container, perhaps before it has ended itself.
    await daemon.docker("exec", id, "touch", "/stop");
    await daemon.docker("wait", id);
    const { stdout } = await daemon.docker("logs", id);
    await daemon.docker("rm", "-f", id);
    expect(stdout).toBe("ready\nseen some readable 0 writable 0\n");
    // The program to join with is the engine's own file then: it ends without having served anybody.
    const idle = await daemon.mustDocker("run", "-d", ...NONE, image, "sleep", "1000");
    expect((await daemon.docker("exec", idle, "/proc/self/exe")).code).not.toBe(0);
    await daemon.docker("rm", "-f", idle);
    expect(programs()).toEqual(before);
    expect(before.length).toBeGreaterThan(0);
    expect((await run(BUSYBOX, "echo", "well")).stdout).toBe("well\n");
  });

  test("--init shows its program to nobody", async () => {
    const script = "cat /proc/1/exe | wc -c; true > /proc/1/exe; readlink /proc/1/exe; cat /proc/1/maps";
    const { stdout } = await run("--init", image, "sh", "-c", `{ ${script}; } 2> /dev/null`);
    expect(stdout).toBe("0\n");
  });

  test("a container whose program is the engine's own does not run", async () => {
    const result = await run(image, "/proc/self/exe");
    expect(result.code).not.toBe(0);
    expect((await run(BUSYBOX, "echo", "well")).stdout).toBe("well\n");
  });
});
