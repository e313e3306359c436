/** The life of a container through the stock client. */
import { afterEach, describe, expect, test } from "bun:test";
import { BUSYBOX, NONE, withDaemon } from "../support/fixture.ts";

const { daemon } = withDaemon();

const sleeper = (name: string, ...flags: readonly string[]) =>
  daemon.mustDocker("run", "-d", "--name", name, ...NONE, ...flags, BUSYBOX, "sleep", "100000");
const state = (name: string, field: string) =>
  daemon.mustDocker("inspect", "-f", `{{.State.${field}}}`, name);

afterEach(async () => {
  const ids = (await daemon.mustDocker("ps", "-aq")).split("\n").filter((id) => id !== "");
  if (ids.length > 0) await daemon.mustDocker("rm", "-f", ...ids);
});

describe("states", () => {
  test("create, start, stop, start again, remove", async () => {
    const id = await daemon.mustDocker("create", "--name", "cc", ...NONE, BUSYBOX, "sleep", "100000");
    expect(await state("cc", "Status")).toBe("created");
    expect(await daemon.mustDocker("start", "cc")).toBe("cc");
    expect(await state("cc", "Status")).toBe("running");
    expect(await daemon.mustDocker("stop", "-t", "0", "cc")).toBe("cc");
    expect(await state("cc", "Status")).toBe("exited");
    expect(await state("cc", "ExitCode")).toBe("137");
    await daemon.mustDocker("start", id.slice(0, 12));
    expect(await state("cc", "Running")).toBe("true");
    const refused = await daemon.docker("rm", "cc");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(
      "container is running: stop the container before removing or force remove",
    );
    expect(await daemon.mustDocker("rm", "-f", "cc")).toBe("cc");
  });

  test("stop asks first: a program that handles the signal chooses its code", async () => {
    const script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done";
    await daemon.mustDocker("run", "-d", "--name", "polite", ...NONE, BUSYBOX, "sh", "-c", script);
    expect(await followUntil("polite", "ready")).toBe(true);
    await daemon.mustDocker("stop", "polite");
    expect(await state("polite", "ExitCode")).toBe("9");
  });

  test("--stop-signal and kill -s", async () => {
    const script =
      "trap 'echo usr; exit 1' USR1; trap 'echo hup' HUP; echo ready; while :; do sleep 0.05; done";
    await daemon.mustDocker(
      "run",
      "-d",
      "--name",
      "sig",
      "--stop-signal",
      "USR1",
      ...NONE,
      BUSYBOX,
      "sh",
      "-c",
      script,
    );
    await followUntil("sig", "ready");
    await daemon.mustDocker("kill", "-s", "HUP", "sig");
    await followUntil("sig", "hup");
    await daemon.mustDocker("stop", "sig");
    expect(await daemon.mustDocker("logs", "sig")).toBe("ready\nhup\nusr");
  });

  test("pause holds everything, unpause lets go", async () => {
    await sleeper("pp");
    await daemon.mustDocker("pause", "pp");
    expect(await state("pp", "Status")).toBe("paused");
    expect((await daemon.docker("exec", "pp", "true")).stderr).toContain("is paused");
    expect((await daemon.docker("pause", "pp")).stderr).toContain("already paused");
    await daemon.mustDocker("unpause", "pp");
    expect(await daemon.mustDocker("exec", "pp", "echo", "goes on")).toBe("goes on");
  });

  test("restart gives a new process", async () => {
    await sleeper("rr");
    const before = await state("rr", "Pid");
    await daemon.mustDocker("restart", "-t", "0", "rr");
    expect(await state("rr", "Running")).toBe("true");
    expect(await state("rr", "Pid")).not.toBe(before);
  });

  test("wait gives the code of one that ends and of one that has ended", async () => {
    await daemon.mustDocker("run", "-di", "--name", "ww", ...NONE, BUSYBOX, "sh", "-c", "read x; exit 11");
    const waiting = daemon.mustDocker("wait", "ww");
    await daemon.dockerWith({ input: "\n" }, "attach", "ww");
    expect(await waiting).toBe("11");
    expect(await daemon.mustDocker("wait", "ww")).toBe("11");
  });

  test("rename", async () => {
    await sleeper("old");
    await daemon.mustDocker("rename", "old", "new");
    expect(await daemon.mustDocker("ps", "--format", "{{.Names}}")).toBe("new");
  });
});

describe("looking", () => {
  test("ps shows what Docker's shows", async () => {
    await sleeper("aa", "--label", "x=y");
    await daemon.docker("run", "--name", "bb", ...NONE, BUSYBOX, "sh", "-c", "exit 2");
    expect(
      await daemon.mustDocker("ps", "--format", "{{.Names}}|{{.Image}}|{{.Command}}|{{.State}}|{{.Ports}}"),
    ).toBe('aa|busybox:latest|"sleep 100000"|running|');
    expect(await daemon.mustDocker("ps", "-a", "--format", "{{.Names}} {{.Status}}")).toMatch(
      /^bb Exited \(2\) .* ago\naa Up (Less than a second|\d+ seconds?)$/,
    );
    expect(await daemon.mustDocker("ps", "-aq", "--filter", "label=x=y", "--no-trunc")).toBe(
      await daemon.mustDocker("inspect", "-f", "{{.Id}}", "aa"),
    );
    expect(await daemon.mustDocker("ps", "-aq", "--filter", "exited=2")).not.toBe("");
    expect(await daemon.mustDocker("ps", "-aq", "--filter", "name=nothing")).toBe("");
  });

  test("top lists the container's processes", async () => {
    await sleeper("tt");
    const table = await daemon.mustDocker("top", "tt");
    expect(table.split("\n")[0]).toMatch(/^UID +PID +PPID +C +STIME +TTY +TIME +CMD$/);
    expect(table).toContain("sleep 100000");
    expect(table.split("\n")).toHaveLength(2);
  });

  test("logs: both streams, tail, timestamps, since, follow", async () => {
    const script = "echo one; echo two >&2; echo three; read x; echo four";
    await daemon.mustDocker("run", "-di", "--name", "log", ...NONE, BUSYBOX, "sh", "-c", script);
    await followUntil("log", "three");
    const { stdout, stderr } = await daemon.docker("logs", "log");
    expect({ stdout, stderr }).toEqual({ stdout: "one\nthree\n", stderr: "two\n" });
    expect(await daemon.mustDocker("logs", "--since", "2099-01-01T00:00:00Z", "log")).toBe("");
    const following = daemon.docker("logs", "-f", "log");
    await daemon.dockerWith({ input: "\n" }, "attach", "log");
    expect((await following).stdout).toBe("one\nthree\nfour\n");
    // The first three lines were in the log before the fourth was asked for: it is the last, whatever the pipes' order.
    expect(await daemon.mustDocker("logs", "--tail", "1", "log")).toBe("four");
    expect(await daemon.mustDocker("logs", "-t", "--tail", "1", "log")).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}Z four$/,
    );
  });

  test("events tell the whole life", async () => {
    const since = String(Date.now() / 1000);
    await daemon.mustDocker("run", "--rm", "--name", "ev", ...NONE, BUSYBOX, "true");
    const until = String(Date.now() / 1000 + 0.001);
    const lines = await daemon.mustDocker(
      "events",
      "--since",
      since,
      "--until",
      until,
      "--filter",
      "container=ev",
      "--format",
      "{{.Action}}",
    );
    expect(lines.split("\n")).toEqual(["create", "attach", "start", "die", "destroy"]);
  });

  test("inspect of a name that nothing has", async () => {
    const { code, stdout, stderr } = await daemon.docker("inspect", "nothing-has-it");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "[]\n" });
    expect(stderr.toLowerCase()).toContain("no such object: nothing-has-it");
  });

  test("info and version", async () => {
    expect(
      await daemon.mustDocker("version", "--format", "{{.Server.APIVersion}} {{.Server.MinAPIVersion}}"),
    ).toBe("1.50 1.24");
    expect(await daemon.mustDocker("info", "--format", "{{.CgroupDriver}} {{.LiveRestoreEnabled}}")).toBe(
      "cgroupfs true",
    );
    const { code, stderr } = await daemon.docker("info");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });
});

/** Follows the log until a line is there: the only way to know that a program has come so far. */
async function followUntil(name: string, line: string): Promise<boolean> {
  const child = Bun.spawn(["docker", "logs", "-f", name], {
    env: { ...process.env, DOCKER_HOST: daemon.host },
    stdout: "pipe",
    stderr: "ignore",
  });
  let text = "";
  for await (const chunk of child.stdout) {
    text += new TextDecoder().decode(chunk);
    if (text.split("\n").includes(line)) break;
  }
  child.kill();
  await child.exited;
  return text.includes(line);
}
