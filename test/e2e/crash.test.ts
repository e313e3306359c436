/** The daemon is killed in the middle of things; nothing of a container is lost. */
import { describe, expect, test } from "bun:test";
import { BUSYBOX, NONE, withDaemon } from "../support/fixture.ts";

const { daemon } = withDaemon();

describe("SIGKILL of the daemon", () => {
  test("20 containers go on, their logs have no gap, exits in between keep their code", async () => {
    const counting = "i=0; while [ ! -e /stop ]; do echo $i; i=$((i+1)); done; echo end $i";
    const names = Array.from({ length: 20 }, (_, index) => `k${index}`);
    await Promise.all(
      names.map((name) =>
        daemon.mustDocker(
          "run",
          "-d",
          "--name",
          name,
          ...NONE,
          BUSYBOX,
          "sh",
          "-c",
          `sleep 0.2; echo up; exec sleep 100000`,
        ),
      ),
    );
    await daemon.mustDocker("run", "-d", "--name", "counter", ...NONE, BUSYBOX, "sh", "-c", counting);
    await daemon.mustDocker(
      "run",
      "-d",
      "--name",
      "ender",
      ...NONE,
      BUSYBOX,
      "sh",
      "-c",
      "while [ -d /proc/1 ] && ! [ -e /go ]; do sleep 0.01; done; exit 42",
    );
    const endingPid = Number(await daemon.mustDocker("inspect", "-f", "{{.State.Pid}}", "ender"));
    await daemon.stop("SIGKILL");

    // Ends while there is no daemon: its root is reached through /proc, as no API is there to ask.
    await Bun.write(`/proc/${endingPid}/root/go`, "");
    await untilGone(endingPid);
    await daemon.start();

    const running = (await daemon.mustDocker("ps", "--format", "{{.Names}}")).split("\n");
    expect(running.sort()).toEqual([...names, "counter"].sort());
    expect(await daemon.mustDocker("wait", "ender")).toBe("42");
    expect(await daemon.mustDocker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "ender")).toBe(
      "exited 42",
    );

    // The counter may end, and with it everything in its namespace, before the client has heard of touch's end.
    await daemon.docker("exec", "counter", "touch", "/stop");
    expect(await daemon.mustDocker("wait", "counter")).toBe("0");
    const lines = (await daemon.mustDocker("logs", "--tail", "20000", "counter")).split("\n");
    expect(lines.at(-1)).toBe(`end ${Number(lines.at(-2)) + 1}`);
    const numbers = lines.slice(0, -1).map(Number);
    expect(numbers.findIndex((value, index) => index > 0 && value !== (numbers[index - 1] ?? 0) + 1)).toBe(
      -1,
    );

    expect(await daemon.mustDocker("exec", "k7", "echo", "alive")).toBe("alive");
    await Promise.all(names.map((name) => daemon.mustDocker("rm", "-f", name)));
    await daemon.mustDocker("rm", "counter", "ender");
  });

  test("a removal that had begun is finished, --rm containers that ended are gone", async () => {
    const id = await daemon.mustDocker(
      "run",
      "-d",
      "--rm",
      "--name",
      "gone",
      ...NONE,
      BUSYBOX,
      "sleep",
      "100000",
    );
    const pid = Number(await daemon.mustDocker("inspect", "-f", "{{.State.Pid}}", id));
    await daemon.stop("SIGKILL");
    process.kill(pid, "SIGKILL");
    await untilGone(pid);
    await daemon.start();
    expect((await daemon.docker("inspect", id)).code).toBe(1);
    expect(await daemon.mustDocker("ps", "-aq")).toBe("");
  });

  test("SIGTERM leaves containers running", async () => {
    await daemon.mustDocker("run", "-d", "--name", "stays", ...NONE, BUSYBOX, "sleep", "100000");
    expect(await daemon.stop("SIGTERM")).toBe(0);
    await daemon.start();
    expect(await daemon.mustDocker("inspect", "-f", "{{.State.Running}}", "stays")).toBe("true");
    await daemon.mustDocker("rm", "-f", "stays");
  });
});

/** A pid that is not our child: polled, since nothing tells its end to a stranger. */
async function untilGone(pid: number): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (Date.now() < deadline) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`process ${pid} is still there`);
}
