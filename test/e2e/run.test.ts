/** `docker run` and its flags through the stock client: output and exit code as against Docker. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BUSYBOX, NONE, withDaemon } from "../support/fixture.ts";

const { daemon, scratch } = withDaemon();
const run = (...args: readonly string[]) => daemon.docker("run", "--rm", ...NONE, ...args);
const sh = (flags: readonly string[], script: string) => run(...flags, BUSYBOX, "sh", "-c", script);

describe("docker run", () => {
  test("passes output on and gives the program's exit code", async () => {
    expect(await sh([], "echo out; echo err >&2; exit 3")).toEqual({
      code: 3,
      stdout: "out\n",
      stderr: "err\n",
    });
  });

  test("a program killed by a signal gives 128 and its number", async () => {
    // Behind an init: the kernel protects a namespace's first process from its own SIGKILL.
    expect((await sh(["--init"], "kill -9 $$")).code).toBe(137);
  });

  const flags: readonly (readonly [string, readonly string[], string, string])[] = [
    ["-e", ["-e", "A=1 2", "-e", "B="], 'echo "$A|$B"', "1 2|\n"],
    ["-w makes the directory", ["-w", "/made/here"], "pwd", "/made/here\n"],
    ["-u by name", ["-u", "alice"], "id -u; id -g; echo $HOME", "1000\n1000\n/home/alice\n"],
    ["-u by numbers", ["-u", "7:8"], "id -u; id -g", "7\n8\n"],
    ["--group-add", ["-u", "alice", "--group-add", "77"], "id -G", "1000 50 77\n"],
    ["-h", ["-h", "ship"], "hostname; cat /etc/hostname", "ship\nship\n"],
    ["--read-only", ["--read-only"], "touch /x 2>&1", "touch: /x: Read-only file system\n"],
    [
      "--tmpfs",
      ["--tmpfs", "/t:size=1m"],
      "mount | grep -c ' /t type tmpfs'; df -k /t | tail -1 | awk '{print $2}' 2>/dev/null || true",
      "1\n",
    ],
    [
      "--shm-size",
      ["--shm-size", "3m"],
      "df -k /dev/shm | tail -1 | tr -s ' ' | while read a b c; do echo $b; done",
      "3072\n",
    ],
    ["--ulimit", ["--ulimit", "nofile=100:200"], "ulimit -n; ulimit -Hn", "100\n200\n"],
    ["--sysctl", ["--sysctl", "net.ipv4.ip_forward=1"], "cat /proc/sys/net/ipv4/ip_forward", "1\n"],
    ["--pid host", ["--pid", "host"], "test -d /proc/$PPID && cat /proc/1/comm | wc -l", "1\n"],
    ["--init", ["--init"], "cat /proc/1/comm", "berth-init\n"],
    ["--cap-drop ALL", ["--cap-drop", "ALL"], "grep CapEff /proc/self/status", "CapEff:\t0000000000000000\n"],
    [
      "--cap-drop, --cap-add",
      ["--cap-drop", "ALL", "--cap-add", "NET_ADMIN"],
      "grep CapEff /proc/self/status",
      "CapEff:\t0000000000001000\n",
    ],
    [
      "no-new-privileges",
      ["--security-opt", "no-new-privileges"],
      "grep NoNewPrivs /proc/self/status",
      "NoNewPrivs:\t1\n",
    ],
    ["seccomp by default", [], "grep Seccomp: /proc/self/status", "Seccomp:\t2\n"],
    [
      "seccomp=unconfined",
      ["--security-opt", "seccomp=unconfined"],
      "grep Seccomp: /proc/self/status",
      "Seccomp:\t0\n",
    ],
    ["--device", ["--device", "/dev/fuse:/dev/my-fuse"], "stat -c '%t:%T' /dev/my-fuse", "a:e5\n"],
    ["no network", [], "ls /sys/class/net | grep -vx sit0; cat /sys/class/net/lo/operstate", "lo\nunknown\n"],
  ];
  test.each(flags.filter(([name]) => name !== "--tmpfs"))("%s", async (_, args, script, stdout) => {
    expect(await sh(args, script)).toMatchObject({ stdout });
  });

  test("--tmpfs has its size", async () => {
    const { stdout } = await sh(["--tmpfs", "/t:size=1m"], "mount | grep ' /t type tmpfs'");
    expect(stdout).toContain("size=1024k");
    expect(stdout).toContain("noexec");
  });

  test("--entrypoint takes the place of the image's", async () => {
    expect(await run("--entrypoint", "echo", BUSYBOX, "a", "b")).toEqual({
      code: 0,
      stdout: "a b\n",
      stderr: "",
    });
  });

  test("-v host:ctr:ro", async () => {
    const directory = join(scratch, "bind");
    mkdirSync(directory);
    writeFileSync(join(directory, "f"), "from the host\n");
    const { stdout } = await sh(["-v", `${directory}:/b:ro`], "cat /b/f; touch /b/g 2>&1");
    expect(stdout).toBe("from the host\ntouch: /b/g: Read-only file system\n");
  });

  test("--mount of a source that is not there is refused", async () => {
    const { code, stderr } = await run("--mount", "type=bind,source=/nonexistent,target=/x", BUSYBOX, "true");
    expect(code).toBe(125);
    expect(stderr).toContain("bind source path does not exist: /nonexistent");
  });

  test("--privileged sees the host's devices and may mount", async () => {
    expect(
      await sh(["--privileged"], "mount -t tmpfs x /tmp && test -e /dev/loop-control && echo yes"),
    ).toMatchObject({ stdout: "yes\n" });
  });

  test("limits are in force", async () => {
    const script = "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null";
    expect((await sh(["--pids-limit", "17"], script)).stdout.trim()).toBe("17");
    const memory = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null";
    expect((await sh(["--memory", "64m"], memory)).stdout.trim()).toBe(String(64 << 20));
    const cpu = "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cut -d' ' -f1 /sys/fs/cgroup/cpu.max";
    expect((await sh(["--cpus", "1.5"], cpu)).stdout.trim()).toBe("150000");
  });

  test("a container that runs out of memory says so", async () => {
    await daemon.docker(
      "run",
      "--name",
      "oom",
      ...NONE,
      "--memory",
      "16m",
      "--memory-swap",
      "16m",
      BUSYBOX,
      "dd",
      "if=/dev/zero",
      "of=/dev/null",
      "bs=64M",
    );
    expect(await daemon.mustDocker("inspect", "-f", "{{.State.OOMKilled}} {{.State.ExitCode}}", "oom")).toBe(
      "true 137",
    );
    await daemon.mustDocker("rm", "oom");
  });

  test("-d prints the id, --name gives the name", async () => {
    const id = await daemon.mustDocker("run", "-d", "--name", "detached", ...NONE, BUSYBOX, "sleep", "1000");
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(await daemon.mustDocker("inspect", "-f", "{{.Id}} {{.Name}} {{.State.Status}}", "detached")).toBe(
      `${id} /detached running`,
    );
    expect(await daemon.mustDocker("rm", "-f", "detached")).toBe("detached");
  });

  test("the exit codes of programs that cannot be started", async () => {
    const missing = await run(BUSYBOX, "nonexistent");
    expect(missing.code).toBe(127);
    expect(missing.stderr).toContain('exec: "nonexistent": executable file not found in $PATH');
    expect((await run(BUSYBOX, "/nonexistent")).code).toBe(127);
    const directory = await run(BUSYBOX, "/etc");
    expect(directory.code).toBe(126);
    const plain = await run(BUSYBOX, "/etc/passwd");
    expect(plain.code).toBe(126);
    expect(plain.stderr).toContain("permission denied");
    expect((await run("--nonsense", BUSYBOX)).code).toBe(125);
    expect(await daemon.mustDocker("ps", "-aq")).toBe("");
  });
});
