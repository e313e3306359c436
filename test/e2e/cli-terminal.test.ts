/** `berth` at a terminal and in pipes, by hand as it were: keys, window sizes, signals, and a terminal left as it was. */
import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BERTH } from "../support/daemon.ts";
import { BUSYBOX, NONE, withDaemon } from "../support/fixture.ts";
import { Pty } from "../support/pty.ts";
import { runCommand } from "../support/run-command.ts";

const { daemon, scratch } = withDaemon();
const env = { DOCKER_HOST: daemon.host };
const DETACH = "\u0010\u0011";
const CTRL_C = "\u0003";
const CTRL_D = "\u0004";
const ESCAPE_TOLD = "read escape sequence";

const berth = (...args: readonly string[]) => new Pty([BERTH, ...args], { env, rows: 31, columns: 97 });
const statusOf = (name: string) => daemon.mustDocker("inspect", "-f", "{{.State.Status}}", name);
const remove = (name: string) => daemon.mustDocker("rm", "-f", name);
const pidFile = () => join(scratch, "pid");
/** A command line of a shell that leaves its process id and becomes berth. */
const leavingPid = (line: string) => `sh -c 'echo $$ >${pidFile()}; exec "$0" "$@"' ${BERTH} ${line}`;
const sendSignal = (signal: NodeJS.Signals) => process.kill(Number(readFileSync(pidFile(), "utf8")), signal);
const shell = (script: string) => ["sh", "-c", script] as const;

describe("run -it", () => {
  test("the window has the terminal's size, from the first moment on", async () => {
    const script = "stty size; trap 'stty size; exit 5' WINCH; echo ready; while :; do sleep 0.05; done";
    using pty = berth("run", "--rm", "-it", ...NONE, BUSYBOX, ...shell(script));
    await pty.until("31 97");
    await pty.until("ready");
    pty.resize(40, 100);
    await pty.until("40 100");
    expect(await pty.exited).toBe(5);
  });

  test("detach keys leave it running and are an end like any other", async () => {
    using pty = berth("run", "-it", "--name", "left", ...NONE, BUSYBOX, "sh");
    await pty.until("# ");
    pty.type(DETACH);
    expect(await pty.exited).toBe(0);
    expect(await statusOf("left")).toBe("running");
    await remove("left");
  });

  test("what looks like the beginning of the keys reaches the program", async () => {
    const keys = ["--detach-keys", "a,b,c"];
    using pty = berth(
      "run",
      "-it",
      "--name",
      "keys",
      ...keys,
      ...NONE,
      BUSYBOX,
      ...shell("read x; echo got $x; read y"),
    );
    pty.type("abdab\n");
    await pty.until("got abdab");
    pty.type("abc");
    expect(await pty.exited).toBe(0);
    expect(await statusOf("keys")).toBe("running");
    await remove("keys");
  });

  test("SIGTERM is the container's", async () => {
    const script = 'trap "echo told; exit 3" TERM; echo ready; while :; do sleep 0.05; done';
    const line = leavingPid(`run --rm -it --network none ${BUSYBOX} sh -c '${script}'`);
    using pty = new Pty(["sh", "-c", `exec ${line}`], { env });
    await pty.until("ready");
    sendSignal("SIGTERM");
    await pty.until("told");
    expect(await pty.exited).toBe(3);
  });

  test("Ctrl-C is a key", async () => {
    const script = "trap 'echo told; exit 3' INT; echo ready; while :; do sleep 0.05; done";
    using pty = berth("run", "--rm", "-it", ...NONE, BUSYBOX, ...shell(script));
    await pty.until("ready");
    pty.type(CTRL_C);
    await pty.until("told");
    expect(await pty.exited).toBe(3);
  });

  test("line feeds of a program that has switched them off stay alone", async () => {
    using pty = berth("run", "--rm", "-it", ...NONE, BUSYBOX, ...shell("stty -opost; printf 'a\\nb\\n'"));
    await pty.until("a\nb\n");
    expect(await pty.exited).toBe(0);
  });

  test("needs a terminal for its keys", async () => {
    const result = await daemon.berth("run", "--rm", "-it", ...NONE, BUSYBOX, "true");
    expect(result).toEqual({ code: 1, stdout: "", stderr: "the input device is not a TTY\n" });
  });
});

describe("the terminal is as it was", () => {
  /** Shows the settings before and after a command line, run by a shell on the same terminal. */
  async function settingsAround(line: string, seen?: string, act?: (pty: Pty) => void) {
    const before = join(scratch, "before");
    const after = join(scratch, "after");
    const script = `stty -g >${before}; ${line}; echo "code $?"; stty -g >${after}; grep flags /proc/self/fdinfo/0 >>${after}; echo all-"done"`;
    using pty = new Pty(["sh", "-c", script], { env });
    if (seen !== undefined) await pty.until(seen);
    act?.(pty);
    await pty.until("all-done");
    await pty.exited;
    const [settings = "", flags = ""] = (await Bun.file(after).text()).split("\n");
    // 04000: O_NONBLOCK would outlive the program, since the shell has the same open file.
    expect(Number.parseInt(flags.split(":")[1] ?? "0", 8) & 0o4000).toBe(0);
    expect(settings).toBe((await Bun.file(before).text()).trim());
  }

  test("after an end", () =>
    settingsAround(`${BERTH} run --rm -it --network none ${BUSYBOX} sh -c 'echo go; read x'`, "go", (pty) =>
      pty.type("x\n"),
    ));

  test("after a detach", async () => {
    const line = `${BERTH} run -it --name away --network none ${BUSYBOX} sh`;
    await settingsAround(line, "# ", (pty) => pty.type(DETACH));
    await remove("away");
  });

  test("after a program that cannot be started", () =>
    settingsAround(`${BERTH} run --rm -it --network none ${BUSYBOX} nonexistent`));

  test("after the container is killed from outside", async () => {
    const line = `${BERTH} run -it --name shot --network none ${BUSYBOX} sh -c 'echo go; sleep 1000'`;
    await settingsAround(line, "go", () => void daemon.docker("kill", "shot"));
    await remove("shot");
  });

  test("after a signal that is not passed on", async () => {
    await daemon.mustDocker("run", "-dit", "--name", "host", ...NONE, BUSYBOX, "sh");
    const line = leavingPid("exec -it host sh -c 'echo go; read x'");
    await settingsAround(line, "go", () => sendSignal("SIGTERM"));
    await remove("host");
  });
});

describe("exec -it, attach, start -ai", () => {
  test("exec: keys, size, exit code", async () => {
    await daemon.mustDocker("run", "-d", "--name", "host", ...NONE, BUSYBOX, "sleep", "1000");
    using pty = berth("exec", "-it", "host", "sh");
    await pty.until("# ");
    pty.type("stty size; tty; exit 6\n");
    await pty.until("31 97");
    await pty.until("/dev/pts/");
    expect(await pty.exited).toBe(6);
    using detached = berth("exec", "-it", "--detach-keys", "ctrl-a,x", "host", "sh");
    await detached.until("# ");
    detached.type("\u0001x");
    await detached.until(ESCAPE_TOLD);
    expect(await detached.exited).toBe(1);
    await remove("host");
  });

  test("attach: what is there is drawn again, detaching is told, an end has its code", async () => {
    await daemon.mustDocker("run", "-dit", "--name", "kept", ...NONE, BUSYBOX, "sh");
    using first = berth("attach", "kept");
    await first.until("# ");
    first.type("X=kept\n");
    await first.until("# ");
    first.type(DETACH);
    await first.until(ESCAPE_TOLD);
    expect(await first.exited).toBe(1);
    using second = berth("attach", "kept");
    second.type("echo $X-still; stty size; exit 4\n");
    await second.until("kept-still");
    await second.until("31 97");
    expect(await second.exited).toBe(4);
    using again = berth("start", "-ai", "kept");
    await again.until("# ");
    again.type("exit 9\n");
    expect(await again.exited).toBe(9);
    await remove("kept");
  });
});

describe("signals without a terminal of the container's", () => {
  const trap = "trap 'echo told; exit 9' INT; echo ready; while :; do sleep 0.05; done";

  test("Ctrl-C goes to the program", async () => {
    using pty = berth("run", "--rm", ...NONE, BUSYBOX, ...shell(trap));
    await pty.until("ready");
    pty.type(CTRL_C);
    await pty.until("told");
    expect(await pty.exited).toBe(9);
  });

  test("the third Ctrl-C ends the command when the program takes no notice", async () => {
    using pty = berth(
      "run",
      "--name",
      "deaf",
      ...NONE,
      BUSYBOX,
      ...shell("trap 'echo told' INT; echo ready; while :; do sleep 0.05; done"),
    );
    await pty.until("ready");
    for (const told of ["told", "told", "got 3 SIGTERM/SIGINTs, forcefully exiting"]) {
      pty.type(CTRL_C);
      await pty.until(told);
    }
    expect(await pty.exited).toBe(1);
    expect(await statusOf("deaf")).toBe("running");
    await remove("deaf");
  });

  test("--sig-proxy=false: the command alone ends", async () => {
    using pty = berth("run", "--sig-proxy=false", "--name", "alone", ...NONE, BUSYBOX, ...shell(trap));
    await pty.until("ready");
    pty.type(CTRL_C);
    expect(await pty.exited).toBe(130);
    expect(await statusOf("alone")).toBe("running");
    await remove("alone");
  });

  test("logs -f and events end with Ctrl-C", async () => {
    await daemon.mustDocker(
      "run",
      "-d",
      "--name",
      "talker",
      ...NONE,
      BUSYBOX,
      ...shell("echo one; sleep 1000"),
    );
    using logs = berth("logs", "-f", "talker");
    await logs.until("one");
    logs.type(CTRL_C);
    expect(await logs.exited).toBe(130);
    using events = berth("events", "--since", "1h");
    await events.until("container start");
    events.type(CTRL_C);
    expect(await events.exited).toBe(130);
    await remove("talker");
  });

  test("a reader that does not read holds no signal up", async () => {
    const flood = "echo ready >&2; while :; do echo 0123456789012345678901234567890123456789; done";
    const line = leavingPid(`run --name flood --network none ${BUSYBOX} sh -c '${flood}'`);
    using pty = new Pty(["sh", "-c", `${line} | sleep 1000`], { env });
    await pty.until("ready");
    // Two signals of a kind that nobody has seen are one: each is waited for.
    using kills = new Pty(
      ["docker", "events", "--since", "1h", "-f", "container=flood", "-f", "event=kill"],
      {
        env,
      },
    );
    for (let count = 0; count < 2; count++) {
      sendSignal("SIGTERM");
      await kills.until("container kill");
    }
    sendSignal("SIGTERM");
    await pty.until("forcefully exiting");
    await remove("flood");
  });
});

describe("pipes", () => {
  test("100 MB of standard input arrive whole, and its end is seen", async () => {
    const bytes = new Uint8Array(100_000_000);
    for (let at = 0; at < bytes.length; at += 4096) new DataView(bytes.buffer).setUint32(at, at * 2654435761);
    const digest = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    const command = [BERTH, "run", "--rm", "-i", ...NONE, BUSYBOX, ...shell("sha256sum; echo after; exit 4")];
    const piped = await runCommand(command, { input: bytes, env });
    expect(piped).toEqual({ code: 4, stdout: `${digest}  -\nafter\n`, stderr: "" });
    writeFileSync(join(scratch, "input"), bytes);
    const line = `${command.map((word) => `'${word}'`).join(" ")} <${join(scratch, "input")}`;
    expect(await runCommand(["sh", "-c", line], { env })).toEqual(piped);
  });

  test("100 MB of output arrive whole", async () => {
    const { stdout } = await daemon.berth(
      "run",
      "--rm",
      ...NONE,
      BUSYBOX,
      ...shell("yes 0123456789abcdef | head -c 100000000"),
    );
    expect(stdout.length).toBe(100_000_000);
    expect(stdout.endsWith("\n0123456789abcdef")).toBe(true);
  });

  test("exec and start -ai pass input on to its end", async () => {
    const program = shell("cat; echo end; exit 7");
    await daemon.mustDocker("create", "-i", "--name", "reader", ...NONE, BUSYBOX, ...program);
    const input = { input: "one\ntwo\n", env };
    const started = await runCommand([BERTH, "start", "-ai", "reader"], input);
    expect(started).toEqual({ code: 7, stdout: "one\ntwo\nend\n", stderr: "" });
    await remove("reader");
    await daemon.mustDocker("run", "-d", "--name", "host", ...NONE, BUSYBOX, "sleep", "1000");
    const exec = [BERTH, "exec", "-i", "host", ...shell("cat; echo three; exit 5")];
    expect(await runCommand(exec, input)).toEqual({ code: 5, stdout: "one\ntwo\nthree\n", stderr: "" });
    await remove("host");
  });

  test("Ctrl-D at a terminal ends the input of a program without one", async () => {
    using pty = berth("run", "--rm", "-i", ...NONE, BUSYBOX, ...shell("cat; echo end"));
    pty.type("line\n");
    await pty.until("line\r\nline");
    pty.type(CTRL_D);
    await pty.until("end");
    expect(await pty.exited).toBe(0);
  });

  test("a closed standard input is an empty one", async () => {
    const line = `${BERTH} run --rm -i --network none ${BUSYBOX} sh -c 'cat; echo end' <&-`;
    expect(await runCommand(["sh", "-c", line], { env })).toEqual({ code: 0, stdout: "end\n", stderr: "" });
  });
});
