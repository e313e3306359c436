/** Ends, losses and neighbours of the daemon: what goes on, what is told, what is cleaned up. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { TestDaemon } from "../support/daemon.ts";
import { BUSYBOX, NONE, withDaemon } from "../support/fixture.ts";
import { busyboxTar } from "../support/images.ts";
import { mustRun } from "../support/run-command.ts";
import { isAlive, until } from "../support/until.ts";

const { daemon, scratch } = withDaemon();

const sleeper = (name: string, ...flags: readonly string[]) =>
  daemon.mustDocker("run", "-d", "--name", name, ...flags, ...NONE, BUSYBOX, "sleep", "100000");
const inspect = (name: string, format: string) => daemon.mustDocker("inspect", "-f", format, name);
const pidOf = async (name: string) => Number(await inspect(name, "{{.State.Pid}}"));
const parentOf = (pid: number) => Number(/\) . (\d+) /.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1]);

/** A stock client that stays, with all that it has written. */
class Client {
  output = "";
  readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">;

  constructor(...args: readonly string[]) {
    this.#child = Bun.spawn(["docker", ...args], {
      env: { ...process.env, DOCKER_HOST: daemon.host },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) void this.#collect(stream);
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.output += decoder.decode(chunk, { stream: true });
  }

  get exited(): Promise<number> {
    return this.#child.exited;
  }
}

describe("SIGTERM", () => {
  test("ends the daemon within a second, whoever is attached, and lets every client go", async () => {
    const script = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.01; done";
    await daemon.mustDocker("run", "-di", "--name", "talks", ...NONE, BUSYBOX, "sh", "-c", script);
    const clients = [
      ...Array.from({ length: 3 }, () => new Client("attach", "talks")),
      new Client("logs", "-f", "talks"),
      new Client("exec", "-i", "talks", "sh", "-c", "echo in; cat"),
      new Client("events"),
      new Client("wait", "talks"),
    ];
    await until("clients that hear something", () =>
      clients.slice(0, 5).every(({ output }) => output !== ""),
    );
    await daemon.mustDocker("rename", "talks", "talker");
    await until("events", () => clients[5]?.output.includes("rename") === true);
    // A request that never comes to its end, and a connection on which nothing was said.
    const [half, idle] = [connect(daemon.socket), connect(daemon.socket)];
    half.write("POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: 100\r\n\r\n{");
    const [halfGone, idleGone] = [half, idle].map(
      (socket) =>
        new Promise((resolve) =>
          socket
            .on("error", () => {})
            .on("close", resolve)
            .resume(),
        ),
    );

    const before = performance.now();
    expect(await daemon.stop("SIGTERM")).toBe(0);
    expect(performance.now() - before).toBeLessThan(1000);
    await Promise.all([...clients.map((client) => client.exited), halfGone, idleGone]);
    await daemon.start();
    expect(await inspect("talker", "{{.State.Status}}")).toBe("running");
    await daemon.mustDocker("rm", "-f", "talker");
  });

  test("a paused container stays paused across a restart, and comes back to life", async () => {
    await sleeper("frozen");
    await daemon.mustDocker("pause", "frozen");
    await daemon.stop("SIGTERM");
    await daemon.start();
    expect(await inspect("frozen", "{{.State.Status}} {{.State.Paused}} {{.State.Running}}")).toBe(
      "paused true true",
    );
    expect((await daemon.docker("exec", "frozen", "true")).stderr).toContain("is paused");
    await daemon.mustDocker("unpause", "frozen");
    expect(await daemon.mustDocker("exec", "frozen", "echo", "alive")).toBe("alive");
    await daemon.mustDocker("pause", "frozen");
    await daemon.stop("SIGKILL");
    await daemon.start();
    expect(await inspect("frozen", "{{.State.Status}}")).toBe("paused");
    await daemon.mustDocker("rm", "-f", "frozen");
  });

  test("containers in every state come through a restart as they were", async () => {
    await daemon.mustDocker("create", "--name", "made", ...NONE, BUSYBOX, "true");
    await daemon.docker("run", "--name", "over", ...NONE, BUSYBOX, "sh", "-c", "exit 9");
    await daemon.docker("run", "--name", "never", ...NONE, BUSYBOX, "/nonexistent");
    await sleeper("runs", "--label", "a=b");
    const all = () =>
      daemon.mustDocker("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.State}} {{.Labels}}");
    const details = () =>
      Promise.all(["made", "over", "never", "runs"].map((name) => inspect(name, "{{json .}}")));
    const before = [await all(), await details()];
    await daemon.stop("SIGTERM");
    await daemon.start();
    expect([await all(), await details()]).toEqual(before);
    expect((await daemon.docker("start", "-a", "over")).code).toBe(9);
    await daemon.mustDocker("start", "made");
    expect(await daemon.mustDocker("wait", "made")).toBe("0");
    await daemon.mustDocker("rm", "-f", "made", "over", "never", "runs");
  });
});

describe("losses", () => {
  test("of berth-kernel: the daemon goes on with a new one", async () => {
    await sleeper("kept");
    for (let round = 0; round < 8; round++) {
      const children = readFileSync(`/proc/${daemon.pid}/task/${daemon.pid}/children`, "utf8")
        .trim()
        .split(" ");
      const kernel = children.find((pid) =>
        readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("berth-kernel"),
      );
      if (kernel === undefined) throw new Error(`no berth-kernel among ${children}`);
      const runs = Array.from({ length: 4 }, () => daemon.docker("run", "--rm", ...NONE, BUSYBOX, "true"));
      process.kill(Number(kernel), "SIGKILL");
      for (const { code, stderr } of await Promise.all(runs)) {
        // Those whose shim it was just about to start are told so.
        if (code !== 0)
          expect({ code, stderr }).toEqual({ code: 125, stderr: expect.stringContaining("berth-kernel") });
      }
      await until("its end in the log", () => daemon.log.split("berth-kernel ended").length === round + 2);
      expect(await daemon.docker("run", "--rm", ...NONE, BUSYBOX, "echo", "again")).toMatchObject({
        code: 0,
        stdout: "again\n",
      });
      expect(isAlive(Number(kernel))).toBe(false);
    }
    expect(await daemon.mustDocker("exec", "kept", "echo", "alive")).toBe("alive");
    await daemon.mustDocker("rm", "-f", "kept");
    await until("nothing but prepared containers", async () => (await daemon.mustDocker("ps", "-aq")) === "");
  });

  test("of a shim: its container ends with 137, nothing of it stays, and it can be started again", async () => {
    await sleeper("orphan");
    await daemon.mustDocker("exec", "-d", "orphan", "sleep", "200000");
    const pid = await pidOf("orphan");
    const waiting = daemon.mustDocker("wait", "orphan");
    process.kill(parentOf(pid), "SIGKILL");
    expect(await waiting).toBe("137");
    expect(await inspect("orphan", "{{.State.Status}} {{.State.ExitCode}} {{.State.Pid}}")).toBe(
      "exited 137 0",
    );
    await until("the container's end", () => !isAlive(pid));
    await daemon.mustDocker("start", "orphan");
    expect(await daemon.mustDocker("exec", "orphan", "echo", "again")).toBe("again");
    await daemon.mustDocker("rm", "-f", "orphan");
  });

  test("of a shim while there is no daemon", async () => {
    await sleeper("forlorn");
    const pid = await pidOf("forlorn");
    await daemon.stop("SIGKILL");
    process.kill(parentOf(pid), "SIGKILL");
    await daemon.start();
    expect(await inspect("forlorn", "{{.State.Status}}")).toBe("exited");
    await until("the container's end", () => !isAlive(pid));
    expect(await daemon.mustDocker("start", "forlorn")).toBe("forlorn");
    await daemon.mustDocker("rm", "-f", "forlorn");
  });

  test("of a shim with a paused container", async () => {
    await sleeper("stiff");
    const pid = await pidOf("stiff");
    await daemon.mustDocker("pause", "stiff");
    const waiting = daemon.mustDocker("wait", "stiff");
    process.kill(parentOf(pid), "SIGKILL");
    expect(await waiting).toBe("137");
    await until("the container's end", () => !isAlive(pid));
    await daemon.mustDocker("rm", "stiff");
  });
});

describe("two daemons side by side", () => {
  test("have their own names, containers and images; the death of one is no matter to the other", async () => {
    const other = new TestDaemon();
    try {
      await other.start();
      await other.mustDocker("import", await busyboxTar(scratch, undefined, "other.tar"), "other:1");
      await sleeper("twin");
      await other.mustDocker("run", "-d", "--name", "twin", ...NONE, "other:1", "sleep", "100000");
      const mine = await inspect("twin", "{{.Id}}");
      expect(await other.mustDocker("inspect", "-f", "{{.Id}}", "twin")).not.toBe(mine);
      expect((await other.docker("inspect", mine)).code).toBe(1);
      expect((await other.docker("image", "inspect", BUSYBOX)).code).toBe(1);
      await other.stop("SIGKILL");
      expect(await daemon.mustDocker("exec", "twin", "echo", "alive")).toBe("alive");
      await other.start();
      expect(await other.mustDocker("exec", "twin", "echo", "alive too")).toBe("alive too");
      expect(await daemon.mustDocker("exec", "twin", "echo", "alive")).toBe("alive");
      await other.mustDocker("rm", "-f", "twin");
      expect(await inspect("twin", "{{.State.Status}}")).toBe("running");
    } finally {
      await other.dispose();
      await daemon.mustDocker("rm", "-f", "twin");
    }
  });
});

describe("a data root", () => {
  /** A daemon whose data root is a tmpfs of `megabytes`. */
  async function onTmpfs(megabytes: number, use: (small: TestDaemon, dataRoot: string) => Promise<void>) {
    const small = new TestDaemon();
    const dataRoot = join(small.root, "d");
    mkdirSync(dataRoot);
    await mustRun(["mount", "-t", "tmpfs", "-o", `size=${megabytes}m`, "small", dataRoot]);
    try {
      await small.start();
      await small.mustDocker("import", await busyboxTar(scratch, undefined, "small.tar"), "small");
      await use(small, dataRoot);
    } finally {
      // Its root is a mount point until the next line.
      await small.dispose().catch(() => undefined);
      await mustRun(["umount", "-l", dataRoot]);
      rmSync(small.root, { recursive: true });
    }
  }

  test("that is full gives errors, no crash, and recovers when there is room", async () => {
    await onTmpfs(24, async (small) => {
      await small.mustDocker("run", "-d", "--name", "lives", ...NONE, "small", "sleep", "100000");
      const fill = await small.docker(
        "run",
        "--name",
        "fill",
        ...NONE,
        "small",
        "sh",
        "-c",
        "dd if=/dev/zero of=/f bs=64k; echo; sync; while dd if=/dev/zero bs=512 count=1 >> /g; do :; done; true",
      );
      expect(fill.stderr).toContain("No space left on device");
      const create = await small.docker("run", "--rm", "--name", "toomuch", ...NONE, "small", "true");
      expect(create.code).toBe(125);
      expect(create.stderr).toMatch(/ENOSPC|no space left|disk is full/i);
      const load = await small.docker("import", join(scratch, "small.tar"), "second");
      expect(load.code).toBe(1);
      expect(load.stderr).toMatch(/ENOSPC|no space left|disk is full/i);
      // What needs no room goes on.
      expect(await small.mustDocker("exec", "lives", "echo", "alive")).toBe("alive");
      expect(await small.mustDocker("ps", "-a", "--format", "{{.Names}}")).toBe("fill\nlives");
      await small.mustDocker("stop", "-t", "0", "lives");
      expect(await small.mustDocker("inspect", "-f", "{{.State.Status}}", "lives")).toBe("exited");
      await small.mustDocker("rm", "fill");
      await until(
        "room again",
        async () => (await small.docker("run", "--rm", ...NONE, "small", "true")).code === 0,
      );
      expect(await small.mustDocker("start", "lives")).toBe("lives");
    });
  });

  test("that has become read-only gives errors, no crash, and recovers", async () => {
    await onTmpfs(64, async (small, dataRoot) => {
      // A second mount over the first: files that are open stay writable, as a file system in use cannot be changed.
      await small.mustDocker("run", "-d", "--name", "lives", ...NONE, "small", "sleep", "100000");
      const pid = Number(await small.mustDocker("inspect", "-f", "{{.State.Pid}}", "lives"));
      await mustRun(["mount", "--bind", dataRoot, dataRoot]);
      await mustRun(["mount", "-o", "remount,bind,ro", dataRoot]);
      const created = await small.docker("create", "--name", "none", ...NONE, "small", "true");
      expect(created.code).toBe(1);
      expect(created.stderr).toMatch(/read-?only|EROFS/i);
      expect(await small.mustDocker("ps", "--format", "{{.Names}}")).toBe("lives");
      expect(isAlive(pid)).toBe(true);
      await mustRun(["umount", dataRoot]);
      expect(await small.mustDocker("run", "--rm", ...NONE, "small", "echo", "again")).toBe("again");
    });
  });

  test("that is read-only from the start is refused", async () => {
    const refused = new TestDaemon();
    const dataRoot = join(refused.root, "d");
    mkdirSync(dataRoot);
    await mustRun(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "small", dataRoot]);
    try {
      const { message } = await refused.start().then(
        () => ({ message: "it started" }),
        (error: unknown) => ({ message: String(error) }),
      );
      expect(message).toMatch(/read-only|EROFS/i);
      expect(message).not.toContain("    at ");
    } finally {
      await refused.stop("SIGKILL");
      await mustRun(["umount", dataRoot]);
      await refused.dispose();
    }
  });
});

test("nothing is left in the run and container directories but what stands prepared", async () => {
  expect(await daemon.mustDocker("ps", "-aq")).toBe("");
  expect(await daemon.stop("SIGTERM")).toBe(0);
  const left = (path: string) =>
    existsSync(join(daemon.root, path)) ? readdirSync(join(daemon.root, path)) : [];
  expect([left("x/containers"), left("d/containers"), left("d/snapshots").length]).toEqual([[], [], 1]);
  await daemon.start();
});
