/** Containers through the real shim and the real kernel: what a program inside sees, and what its host sees of it. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { kill } from "node:process";
import { isKind } from "../../../src/base/errors.ts";
import { newContainerId } from "../../../src/base/ids.ts";
import { LaunchError } from "../../../src/kernel/shim-session.ts";
import { readText, withRuntime } from "./runtime-fixture.ts";

const fixture = withRuntime();

describe("a plain container", () => {
  test("runs its program and tells its exit code", async () => {
    const { output, exit } = await fixture.run("echo out; echo err >&2; exit 7");
    expect(output.split("\n").sort()).toEqual(["", "err", "out"]);
    expect(exit).toMatchObject({ code: 7, signal: 0, oomKilled: false });
  });

  test("is alone: pid 1, its name, its address space of mounts", async () => {
    const { output } = await fixture.run("echo $$; hostname; pwd; echo $HOME; cat /etc/hostname; ls /");
    const [pid, name, directory, home, file, ...root] = output.trim().split("\n");
    expect([pid, directory, home]).toEqual(["1", "/", "/root"]);
    expect(name).toBe(file ?? "");
    expect(name).toMatch(/^[0-9a-f]{12}$/);
    expect(root).toEqual(["bin", "dev", "etc", "home", "proc", "root", "sys", "tmp", "usr", "var"]);
  });

  test("has Docker's capabilities, a filter, and no more", async () => {
    const { output } = await fixture.run("grep -E '^(Cap|Seccomp:|NoNewPrivs)' /proc/self/status");
    expect(
      Object.fromEntries(
        output
          .trim()
          .split("\n")
          .map((line) => line.split(/:\s+/)),
      ),
    ).toEqual({
      CapInh: "0000000000000000",
      CapPrm: "00000000a80425fb",
      CapEff: "00000000a80425fb",
      CapBnd: "00000000a80425fb",
      CapAmb: "0000000000000000",
      NoNewPrivs: "0",
      Seccomp: "2",
    });
  });

  test("cannot mount, reach the host's block devices or write to kernel settings", async () => {
    const { output } = await fixture.run(`
      mount -t tmpfs none /tmp; echo "mount $?"
      mknod /tmp/disk b 7 0; echo "mknod $?"
      dd if=/tmp/disk of=/dev/null bs=512 count=0; echo "disk $?"
      dd if=/dev/zero of=/dev/null bs=512 count=1 2>/dev/null; echo "zero $?"
      echo 1 > /proc/sys/kernel/panic; echo "sysctl $?"
      cat /proc/kcore | wc -c
      ls /sys/firmware | wc -l
      echo x > /sys/fs/cgroup/x; echo "cgroup $?"`);
    for (const line of ["mount 1", "mknod 0", "disk 1", "zero 0", "sysctl 1", "cgroup 1"]) {
      expect(output.split("\n")).toContain(line);
    }
    expect(output).toContain("Operation not permitted");
    expect(output.split("\n").filter((line) => line === "0")).toHaveLength(2);
  });

  test("a missing program is a LaunchError that leaves nothing", async () => {
    const id = newContainerId();
    const failure = await fixture.start({ config: { Cmd: ["no-such-program"] } }, id).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(LaunchError);
    expect((failure as LaunchError).errno).toBe("ENOENT");
    expect(await fixture.runtime.adopt(id)).toBeUndefined();
  });
});

describe("options", () => {
  test("user, groups, working directory and environment", async () => {
    const { output } = await fixture.run(
      "id -u; id -G; pwd; echo $A-$HOSTNAME; grep CapEff /proc/self/status",
      {
        config: { User: "alice", WorkingDir: "/var/new/deep", Env: ["A=b"], Hostname: "named" },
        hostConfig: { GroupAdd: ["60"] },
      },
    );
    expect(output.trim().split("\n")).toEqual([
      "1000",
      "1000 50 60",
      "/var/new/deep",
      "b-named",
      "CapEff:\t0000000000000000",
    ]);
  });

  test("a terminal of the asked size", async () => {
    const { output } = await fixture.run("tty; stty size; ls -l /dev/console | head -c 1; echo $TERM", {
      config: { Tty: true },
    });
    expect(output.trim().split("\r\n")).toEqual(["/dev/pts/0", "33 101", "cxterm"]);
  });

  test("a working directory that is missing is made, below a read-only root as well", async () => {
    const request = { config: { WorkingDir: "/made/here" }, hostConfig: { ReadonlyRootfs: true } };
    expect((await fixture.run("pwd", request)).output).toBe("/made/here\n");
  });

  test("a read-only root with a tmpfs and a volume", async () => {
    const { output } = await fixture.run(
      "touch /x; echo $?; touch /tmp/x; echo $?; touch /data/x; echo $?; touch /ro/x; echo $?; grep ' /tmp ' /proc/mounts",
      {
        hostConfig: { ReadonlyRootfs: true, Tmpfs: { "/tmp": "size=1m,exec" } },
        mounts: [
          {
            type: "bind",
            source: fixture.scratch,
            target: "/data",
            readOnly: false,
            readOnlyRecursive: false,
            recursive: true,
            propagation: "rprivate",
          },
          {
            type: "bind",
            source: fixture.scratch,
            target: "/ro",
            readOnly: true,
            readOnlyRecursive: true,
            recursive: true,
            propagation: "rprivate",
          },
        ],
      },
    );
    const codes = output.split("\n").filter((line) => /^\d$/.test(line));
    expect(codes).toEqual(["1", "0", "0", "1"]);
    const tmpfs = output.split("\n").find((line) => line.startsWith("tmpfs /tmp")) ?? "";
    expect(tmpfs).toContain("nosuid,nodev");
    expect(tmpfs).toContain("size=1024k");
    expect(tmpfs).not.toContain("noexec");
  });

  test("limits of memory, processes, processors and files", async () => {
    const { output } = await fixture.run(
      `g=/sys/fs/cgroup
       cat $g/memory/memory.limit_in_bytes $g/memory.max 2>/dev/null
       cat $g/pids/pids.max $g/pids.max 2>/dev/null
       cat $g/cpu/cpu.cfs_quota_us $g/cpu.max 2>/dev/null
       sh -c 'ulimit -n'`,
      {
        hostConfig: {
          Memory: 64 << 20,
          PidsLimit: 33,
          NanoCpus: 500_000_000,
          Ulimits: [{ Name: "nofile", Soft: 123, Hard: 456 }],
        },
      },
    );
    const [memory, pids, cpu, files] = output.trim().split("\n");
    expect([memory, pids, files]).toEqual([String(64 << 20), "33", "123"]);
    expect(["50000", "50000 100000"]).toContain(cpu ?? "");
  });

  test("a program that eats its memory is killed, and said to be", async () => {
    const { exit } = await fixture.run("tail /dev/zero", {
      hostConfig: { Memory: 16 << 20, MemorySwap: 16 << 20 },
    });
    expect(exit).toMatchObject({ code: 137, oomKilled: true });
  });

  test("a cpuset", async () => {
    const { output } = await fixture.run("grep Cpus_allowed_list /proc/self/status", {
      hostConfig: { CpusetCpus: "1" },
    });
    expect(output.trim()).toBe("Cpus_allowed_list:\t1");
  });

  test("privileged: all that the daemon has, and no filter", async () => {
    const { output } = await fixture.run(
      "mount -t tmpfs none /tmp && echo mounted; grep -E 'CapEff|Seccomp:' /proc/self/status",
      {
        hostConfig: { Privileged: true },
      },
    );
    const bounds = fixture.machine.capabilityBounds.toString(16).padStart(16, "0");
    expect(output.trim().split("\n")).toEqual(["mounted", `CapEff:\t${bounds}`, "Seccomp:\t0"]);
  });

  test("no_new_privs, with the filter installed last", async () => {
    const { output } = await fixture.run("grep -E 'NoNewPrivs|Seccomp:' /proc/self/status", {
      hostConfig: { SecurityOpt: ["no-new-privileges"] },
      config: { User: "1000:1000" },
    });
    expect(output.trim().split("\n")).toEqual(["NoNewPrivs:\t1", "Seccomp:\t2"]);
  });

  test("the host's namespaces, where asked", async () => {
    const { output, exit } = await fixture.run("ps | wc -l; cat /proc/sys/kernel/hostname", {
      hostConfig: {
        PidMode: "host",
        UTSMode: "host",
        IpcMode: "host",
        NetworkMode: "host",
        CgroupnsMode: "private",
      },
    });
    expect(exit.code).toBe(0);
    expect(Number(output.split("\n")[0])).toBeGreaterThan(5);
  });

  test("--init stays as PID 1 and passes the code on", async () => {
    const { output, exit } = await fixture.run("echo $$; exit 5", { init: true });
    expect(output.trim()).toBe("2");
    expect(exit.code).toBe(5);
  });

  test("sysctls of its own network, ping and low ports for everybody", async () => {
    const { output } = await fixture.run(
      "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ip_forward; ip link show lo | grep -c UP",
      { hostConfig: { Sysctls: { "net.ipv4.ip_forward": "1" } } },
    );
    expect(output.trim().split("\n")).toEqual(["0", "1", "1"]);
  });
});

describe("a running container", () => {
  const sleeper = { config: { Cmd: ["sleep", "1000"] } };

  test("is signalled, paused, resumed and listed", async () => {
    const { id, process } = await fixture.start(sleeper);
    expect(await process.processes()).toEqual([process.pid]);
    await process.pause();
    await process.resume();
    await process.signal(9);
    expect(await process.exited).toMatchObject({ code: 137, signal: 9 });
    expect(isKind(await process.signal(9).catch((error: unknown) => error), "notFound")).toBe(true);
    await fixture.runtime.forget(id);
  });

  test("takes further processes, with its own rights and the request's environment", async () => {
    const { id, config, process } = await fixture.start(sleeper);
    const spec = {
      ...{
        args: ["sh", "-c", "echo $A $PATH; pwd; grep -E 'CapEff|Seccomp:' /proc/self/status; exit 3"],
        env: ["A=exec"],
      },
      ...{ cwd: "/tmp", user: { spec: "", additionalGroups: [] }, tty: false, rows: 0, columns: 0 },
      ...{ openStdin: false, detached: false, privileged: false },
    };
    const exec = await process.exec(config, spec, { stdin: false, stdout: true, stderr: true });
    let text = "";
    for await (const { data } of exec.stream?.output ?? []) text += new TextDecoder().decode(data);
    expect((await exec.exited).code).toBe(3);
    const [first, ...rest] = text.trim().split("\n");
    expect(first).toMatch(/^exec \/usr\/local\/sbin/);
    expect(rest).toEqual(["/tmp", "CapEff:\t00000000a80425fb", "Seccomp:\t2"]);

    const detached = { ...spec, privileged: true, detached: true, args: ["true"] };
    const privileged = await process.exec(config, detached, undefined);
    expect(privileged.stream).toBeUndefined();
    expect((await privileged.exited).code).toBe(0);
    await process.signal(9);
    await process.exited;
    await fixture.runtime.forget(id);
  });

  test("survives its daemon, and its end is known to the next one", async () => {
    const running = await fixture.start(sleeper);
    const short = await fixture.start({ config: { Cmd: ["sh", "-c", "exit 9"] } });
    await short.process.exited;
    await fixture.closeRuntime();
    await fixture.open();

    const found = await fixture.runtime.adopt(running.id);
    if (found === undefined || !("signal" in found)) throw new Error("the running container was not found");
    expect(found.pid).toBe(running.process.pid);
    expect(await fixture.runtime.adopt(short.id)).toMatchObject({ exit: { code: 9 } });
    expect(await fixture.runtime.adopt(newContainerId())).toBeUndefined();

    const spec = {
      ...{ args: ["true"], env: [], cwd: "", user: { spec: "", additionalGroups: [] }, tty: false, rows: 0 },
      ...{ columns: 0, openStdin: false, detached: true, privileged: false },
    };
    const exec = await found.exec(running.config, spec, undefined);
    expect((await exec.exited).code).toBe(0);
    await found.signal(15);
    await found.signal(9);
    expect((await found.exited).code).toBe(137);
    await Promise.all([fixture.runtime.forget(running.id), fixture.runtime.forget(short.id)]);
  });

  test("is started again under its id, forgotten or not", async () => {
    const first = await fixture.start({ config: { Cmd: ["sh", "-c", "exit 1"] } });
    await first.process.exited;
    const second = await fixture.start({ config: { Cmd: ["sh", "-c", "exit 2"] } }, first.id);
    expect((await second.process.exited).code).toBe(2);
    await fixture.runtime.forget(first.id);
  });

  test("is paused for good until it is resumed", async () => {
    const counter = "i=0; while :; do i=$((i+1)); echo $i > /tmp/i; done";
    const { id, process } = await fixture.start({ config: { Cmd: ["sh", "-c", counter] } });
    await process.pause();
    const before = readText(`/proc/${process.pid}/stat`).split(" ").slice(13, 15);
    await fixture.run("for i in 1 2 3 4 5; do sleep 0.01; done");
    expect(readText(`/proc/${process.pid}/stat`).split(" ").slice(13, 15)).toEqual(before);
    await process.resume();
    await process.signal(9);
    expect((await process.exited).signal).toBe(9);
    await fixture.runtime.forget(id);
  });

  test("two starts at once are one too many", async () => {
    const { id, process } = await fixture.start(sleeper);
    await expect(fixture.start(sleeper, id)).rejects.toThrow("has a process already");
    await process.signal(9);
    await process.exited;
    await fixture.runtime.forget(id);
  });

  test("a failing hook ends what was prepared", async () => {
    const { id, config, process } = await fixture.start(sleeper);
    await fixture.runtime.forget(id);
    expect((await process.exited).signal).toBe(9);
    const spec = fixture.launchSpec(id, config, {});
    const hook = () => Promise.reject(new Error("no network"));
    await expect(fixture.runtime.start(spec, hook)).rejects.toThrow("no network");
    expect(await fixture.runtime.adopt(id)).toBeUndefined();
  });

  test("whose shim was killed is said to be lost, and is ended by forgetting it", async () => {
    const { id, process } = await fixture.start(sleeper);
    const shim = Number(/^PPid:\s+(\d+)$/m.exec(readText(`/proc/${process.pid}/status`))?.[1]);
    kill(shim, "SIGKILL");
    const loss = await process.exited.catch((error: unknown) => error);
    expect(isKind(loss, "unavailable")).toBe(true);
    expect(await process.processes()).toEqual([process.pid]);
    await fixture.runtime.forget(id);
    // Dead; whoever inherited it may not have reaped it yet.
    const status = `/proc/${process.pid}/status`;
    expect(existsSync(status) ? readText(status) : "State:\tZ").toMatch(/^State:\s+[ZX]/m);
    expect(await process.processes()).toEqual([]);
  });

  test("is swept when nobody knows it", async () => {
    const { id, process } = await fixture.start(sleeper);
    const name = id.slice(0, 32);
    await fixture.runtime.sweep(() => false);
    expect(await fixture.runtime.adopt(id)).toMatchObject({ pid: process.pid });
    await fixture.closeRuntime();
    await fixture.open();
    await fixture.runtime.sweep((each) => each === name);
    expect(await fixture.runtime.adopt(id)).toMatchObject({ pid: process.pid });
    await fixture.closeRuntime();
    await fixture.open();
    await fixture.runtime.sweep(() => false);
    expect(await fixture.runtime.adopt(id)).toBeUndefined();
  });
});
