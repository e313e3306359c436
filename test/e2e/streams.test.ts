/** Standard streams: pipes, terminals, detaching, attaching. */
import { describe, expect, test } from "bun:test";
import { BUSYBOX, NONE, withDaemon } from "../support/fixture.ts";
import { Pty } from "../support/pty.ts";

const { daemon } = withDaemon();
const environment = { DOCKER_HOST: daemon.host };

describe("pipes", () => {
  test("100 MB of standard input arrive whole, and its end is seen", async () => {
    const bytes = new Uint8Array(100_000_000);
    for (let at = 0; at < bytes.length; at += 4096) new DataView(bytes.buffer).setUint32(at, at * 2654435761);
    const digest = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    const result = await daemon.dockerWith(
      { input: bytes },
      "run",
      "--rm",
      "-i",
      ...NONE,
      BUSYBOX,
      "sh",
      "-c",
      "sha256sum; echo after",
    );
    expect(result).toEqual({ code: 0, stdout: `${digest}  -\nafter\n`, stderr: "" });
  });

  test("100 MB of output arrive whole", async () => {
    const { stdout } = await daemon.docker(
      "run",
      "--rm",
      ...NONE,
      BUSYBOX,
      "sh",
      "-c",
      "yes 0123456789abcdef | head -c 100000000",
    );
    expect(stdout.length).toBe(100_000_000);
  });

  test("half-close: output that comes after the end of input", async () => {
    const result = await daemon.dockerWith(
      { input: "one\ntwo\n" },
      "run",
      "--rm",
      "-i",
      ...NONE,
      BUSYBOX,
      "sh",
      "-c",
      "cat; echo three; exit 4",
    );
    expect(result).toEqual({ code: 4, stdout: "one\ntwo\nthree\n", stderr: "" });
  });
});

describe("terminals", () => {
  test("-it: a shell of which the size follows the terminal's", async () => {
    using pty = new Pty(["docker", "run", "--rm", "-it", ...NONE, BUSYBOX, "sh"], {
      env: environment,
      rows: 31,
      columns: 97,
    });
    await pty.until("# ");
    pty.type("stty size\n");
    await pty.until("31 97");
    pty.resize(40, 100);
    pty.type("trap 'stty size' WINCH; while [ \"$(stty size)\" != '40 100' ]; do :; done; echo re''sized\n");
    await pty.until("resized");
    pty.type("exit 5\n");
    expect(await pty.exited).toBe(5);
  });

  test("detach keys leave it running, attach comes back", async () => {
    using first = new Pty(["docker", "run", "-it", "--name", "tty", ...NONE, BUSYBOX, "sh"], {
      env: environment,
    });
    await first.until("# ");
    first.type("X=kept\n");
    await first.until("# ");
    first.type("\u0010\u0011");
    await first.exited;
    expect(await daemon.mustDocker("inspect", "-f", "{{.State.Status}}", "tty")).toBe("running");
    using second = new Pty(["docker", "attach", "--detach-keys", "ctrl-a,x", "tty"], { env: environment });
    second.type("echo $X-still\n");
    await second.until("kept-still");
    second.type("\u0001x");
    await second.exited;
    expect(await daemon.mustDocker("inspect", "-f", "{{.State.Running}}", "tty")).toBe("true");
    await daemon.mustDocker("rm", "-f", "tty");
  });

  test("exec -it in a running container", async () => {
    await daemon.mustDocker("run", "-d", "--name", "host", ...NONE, BUSYBOX, "sleep", "1000");
    using pty = new Pty(["docker", "exec", "-it", "host", "sh"], { env: environment });
    await pty.until("# ");
    pty.type("tty; exit 6\n");
    await pty.until("/dev/pts/");
    expect(await pty.exited).toBe(6);
    await daemon.mustDocker("rm", "-f", "host");
  });
});

describe("attach", () => {
  test("a client's input reaches the program, its output and exit code the client", async () => {
    // Created with -i: stdin belongs to the client that brings some, and ends with it.
    const script = "read line; echo got $line; exit 7";
    await daemon.mustDocker("create", "-i", "--name", "two", ...NONE, BUSYBOX, "sh", "-c", script);
    await daemon.mustDocker("start", "two");
    const watcher = daemon.docker("logs", "-f", "two");
    const writer = daemon.dockerWith({ input: "word\n" }, "attach", "two");
    expect(await writer).toMatchObject({ code: 7, stdout: "got word\n" });
    expect((await watcher).stdout).toBe("got word\n");
    await daemon.mustDocker("rm", "two");
  });
});
