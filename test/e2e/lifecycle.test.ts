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
    const id = await daemon.mustDocker("create", "--name", "c", ...NONE, BUSYBOX, "sleep", "100000");
    expect(await state("c", "Status")).toBe("created");
    expect(await daemon.mustDocker("start", "c")).toBe("c");
    expect(await state("c", "Status")).toBe("running");
    expect(await daemon.mustDocker("stop", "-t", "0", "c")).toBe("c");
    expect(await state("c", "Status")).toBe("exited");
    expect(await state("c", "ExitCode")).toBe("137");
    await daemon.mustDocker("start", id.slice(0, 12));
    expect(await state("c", "Running")).toBe("true");
    const refused = await daemon.docker("rm", "c");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(
      "container is running: stop the container before removing or force remove",
    );
    expect(await daemon.mustDocker("rm", "-f", "c")).toBe("c");
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
      "s",
      "--stop-signal",
      "USR1",
      ...NONE,
      BUSYBOX,
      "sh",
      "-c",
      script,
    );
    await followUntil("s", "ready");
    await daemon.mustDocker("kill", "-s", "HUP", "s");
    await followUntil("s", "hup");
    await daemon.mustDocker("stop", "s");
    expect(await daemon.mustDocker("logs", "s")).toBe("ready\nhup\nusr");
  });

  test("pause holds everything, unpause lets go", async () => {
    await sleeper("p");
    await daemon.mustDocker("pause", "p");
    expect(await state("p", "Status")).toBe("paused");
    expect((await daemon.docker("exec", "p", "true")).stderr).toContain("is paused");
    expect((await daemon.docker("pause", "p")).stderr).toContain("already paused");
    await daemon.mustDocker("unpause", "p");
    expect(await daemon.mustDocker("exec", "p", "echo", "goes on")).toBe("goes on");
  });

  test("restart gives a new process", async () => {
    await sleeper("r");
    const before = await state("r", "Pid");
    await daemon.mustDocker("restart", "-t", "0", "r");
    expect(await state("r", "Running")).toBe("true");
    expect(await state("r", "Pid")).not.toBe(before);
  });

  test("wait gives the code of one that ends and of one that has ended", async () => {
    await daemon.mustDocker("run", "-di", "--name", "w", ...NONE, BUSYBOX, "sh", "-c", "read x; exit 11");
    const waiting = daemon.mustDocker("wait", "w");
    await daemon.dockerWith({ input: "\n" }, "attach", "w");
    expect(await waiting).toBe("11");
    expect(await daemon.mustDocker("wait", "w")).toBe("11");
  });

  test("rename", async () => {
    await sleeper("old");
    await daemon.mustDocker("rename", "old", "new");
    expect(await daemon.mustDocker("ps", "--format", "{{.Names}}")).toBe("new");
  });
});

describe("looking", () => {
  test("ps shows what Docker's shows", async () => {
    await sleeper("a", "--label", "x=y");
    await daemon.docker("run", "--name", "b", ...NONE, BUSYBOX, "sh", "-c", "exit 2");
    expect(
      await daemon.mustDocker("ps", "--format", "{{.Names}}|{{.Image}}|{{.Command}}|{{.State}}|{{.Ports}}"),
    ).toBe('a|busybox:latest|"sleep 100000"|running|');
    expect(await daemon.mustDocker("ps", "-a", "--format", "{{.Names}} {{.Status}}")).toMatch(
      /^b Exited \(2\) .* ago\na Up (Less than a second|\d+ seconds?)$/,
    );
    expect(await daemon.mustDocker("ps", "-aq", "--filter", "label=x=y", "--no-trunc")).toBe(
      await daemon.mustDocker("inspect", "-f", "{{.Id}}", "a"),
    );
    expect(await daemon.mustDocker("ps", "-aq", "--filter", "exited=2")).not.toBe("");
    expect(await daemon.mustDocker("ps", "-aq", "--filter", "name=nothing")).toBe("");
  });

  test("top lists the container's processes", async () => {
    await sleeper("t");
    const table = await daemon.mustDocker("top", "t");
    expect(table.split("\n")[0]).toMatch(/^UID +PID +PPID +C +STIME +TTY +TIME +CMD$/);
    expect(table).toContain("sleep 100000");
    expect(table.split("\n")).toHaveLength(2);
  });

  test("logs: both streams, tail, timestamps, since, follow", async () => {
    const script = "echo one; echo two >&2; echo three; read x; echo four";
    await daemon.mustDocker("run", "-di", "--name", "l", ...NONE, BUSYBOX, "sh", "-c", script);
    await followUntil("l", "three");
    const { stdout, stderr } = await daemon.docker("logs", "l");
    expect({ stdout, stderr }).toEqual({ stdout: "one\nthree\n", stderr: "two\n" });
    expect(await daemon.mustDocker("logs", "--tail", "1", "l")).toBe("three");
    expect(await daemon.mustDocker("logs", "-t", "--tail", "1", "l")).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}Z three$/,
    );
    expect(await daemon.mustDocker("logs", "--since", "2099-01-01T00:00:00Z", "l")).toBe("");
    const following = daemon.docker("logs", "-f", "l");
    await daemon.dockerWith({ input: "\n" }, "attach", "l");
    expect((await following).stdout).toBe("one\nthree\nfour\n");
  });

  test("events tell the whole life", async () => {
    const since = String(Date.now() / 1000);
    await daemon.mustDocker("run", "--rm", "--name", "e", ...NONE, BUSYBOX, "true");
    const until = String(Date.now() / 1000 + 0.001);
    const lines = await daemon.mustDocker(
      "events",
      "--since",
      since,
      "--until",
      until,
      "--filter",
      "container=e",
      "--format",
      "{{.Action}}",
    );
    expect(lines.split("\n")).toEqual(["create", "attach", "start", "die", "destroy"]);
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
