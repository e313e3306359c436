/** `berth daemon` as who runs it sees it: flags, configuration file, sockets, log, locks. */
import { afterAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BERTH } from "../support/daemon.ts";
import { DaemonProcess } from "../support/daemon-process.ts";
import { mustRun, runCommand } from "../support/run-command.ts";

const scratch = mkdtempSync(join(tmpdir(), "berth-daemon-"));
afterAll(() => rmSync(scratch, { recursive: true }));

let roots = 0;
interface Place {
  readonly directory: string;
  readonly socket: string;
  readonly flags: readonly string[];
}

/** A place on the disk for one daemon. */
function newPlace(): Place {
  const directory = join(scratch, String(++roots));
  mkdirSync(directory);
  return { directory, socket: join(directory, "s"), flags: rootFlags(directory) };
}

const rootFlags = (directory: string) => [
  "--data-root",
  join(directory, "d"),
  "--exec-root",
  join(directory, "x"),
];
const hostFlags = ({ socket }: Place) => ["--host", `unix://${socket}`];
const daemonWith = (...flags: readonly string[]) => new DaemonProcess([BERTH, "daemon", ...flags]);

async function listening(place: Place, ...flags: readonly string[]): Promise<DaemonProcess> {
  const daemon = daemonWith(...place.flags, ...hostFlags(place), ...flags);
  await daemon.untilLogged(`API listen on unix://${place.socket}`);
  return daemon;
}

/** The daemon that must not start: its exit code and words. */
async function refusal(...flags: readonly string[]): Promise<{ code: number; log: string }> {
  const daemon = daemonWith(...flags);
  // For one that starts nevertheless.
  const limit = setTimeout(() => daemon.kill("SIGKILL"), 20_000);
  const code = await daemon.exited();
  clearTimeout(limit);
  return { code, log: daemon.log };
}

async function ping(init: { unix?: string; url?: string }): Promise<string> {
  return (await fetch(`${init.url ?? "http://d"}/_ping`, { unix: init.unix } as RequestInit)).text();
}

async function readAll(path: string): Promise<string> {
  let text = "";
  for await (const chunk of connect(path)) text += String(chunk);
  return text;
}

describe("the unix socket", () => {
  test("is for its owner and group only, and gone after the end", async () => {
    const place = newPlace();
    const daemon = await listening(place);
    expect(statSync(place.socket).mode & 0o777).toBe(0o660);
    expect(statSync(place.socket).uid).toBe(0);
    expect(await ping({ unix: place.socket })).toBe("OK");
    daemon.kill("SIGTERM");
    expect(await daemon.exited()).toBe(0);
    expect(existsSync(place.socket)).toBe(false);
  });

  test("its directories are made", async () => {
    const place = newPlace();
    await using _ = await listening({ ...place, socket: join(place.directory, "a/b/s") });
    expect(await ping({ unix: join(place.directory, "a/b/s") })).toBe("OK");
  });

  const groups: readonly (readonly [string, string, readonly string[], number])[] = [
    ["docker's", "root:x:0:\nberth:x:901:\ndocker:x:900:\n", [], 900],
    ["berth's where there is no docker", "root:x:0:\nberth:x:901:\n", [], 901],
    ["root's where there is neither", "root:x:0:\n", [], 0],
    ["the named one's", "root:x:0:\ndocker:x:900:\nops:x:902:\n", ["--group", "ops"], 902],
    ["the one with the number", "root:x:0:\ndocker:x:900:\n", ["-G", "903"], 903],
  ];
  test.each(groups)("belongs to the group: %s", async (_, content, flags, gid) => {
    const place = newPlace();
    // In a mount namespace of its own the daemon sees another /etc/group, and the machine's stays as it is.
    const file = join(place.directory, "group");
    writeFileSync(file, content);
    const script = 'mount --bind "$1" /etc/group && shift && exec "$@"';
    const command = [BERTH, "daemon", ...place.flags, ...hostFlags(place), ...flags];
    await using daemon = new DaemonProcess(["unshare", "-m", "sh", "-ec", script, "sh", file, ...command]);
    await daemon.untilLogged("API listen on");
    const { gid: found, mode } = statSync(place.socket);
    expect({ gid: found, mode: mode & 0o777 }).toEqual({ gid, mode: 0o660 });
  });

  test("a group that does not exist is refused", async () => {
    const place = newPlace();
    const { code, log } = await refusal(...place.flags, ...hostFlags(place), "--group", "nobody-knows");
    expect(code).toBe(1);
    expect(log).toContain("group nobody-knows not found");
    expect(existsSync(place.socket)).toBe(false);
  });

  test("one that a dead daemon left is replaced", async () => {
    const place = newPlace();
    const first = await listening(place);
    first.kill("SIGKILL");
    await first.exited();
    expect(existsSync(place.socket)).toBe(true);
    await using _ = await listening(place);
    expect(await ping({ unix: place.socket })).toBe("OK");
  });

  test("one on which somebody listens is not touched", async () => {
    const place = newPlace();
    // The daemon's probe hangs up at once.
    const server = createServer((socket) => socket.on("error", () => {}).end("mine"));
    await new Promise<void>((resolve) => server.listen(place.socket, resolve));
    const { code, log } = await refusal(...place.flags, ...hostFlags(place));
    expect({ code, log }).toEqual({ code: 1, log: expect.stringContaining("another daemon listens there") });
    expect(await readAll(place.socket)).toBe("mine");
    server.close();
  });

  test("a file that is no socket is not touched", async () => {
    const place = newPlace();
    writeFileSync(place.socket, "precious");
    const { code, log } = await refusal(...place.flags, ...hostFlags(place));
    expect({ code, log }).toEqual({ code: 1, log: expect.stringContaining("a file that is no socket") });
    expect(readFileSync(place.socket, "utf8")).toBe("precious");
  });
});

describe("tcp", () => {
  test("beside a socket, on a port of the kernel's choice, which the log names, and with a warning", async () => {
    const place = newPlace();
    await using daemon = await listening(place, "--host", "tcp://127.0.0.1:0");
    await daemon.untilLogged("API listen on tcp://127.0.0.1:");
    const port = /API listen on tcp:\/\/127\.0\.0\.1:(\d+)/.exec(daemon.log)?.[1];
    expect(Number(port)).toBeGreaterThan(0);
    expect(daemon.log).toMatch(/level=warn .*becomes root/);
    expect(await ping({ url: `http://127.0.0.1:${port}` })).toBe("OK");
    expect(await ping({ unix: place.socket })).toBe("OK");
    const env = { DOCKER_HOST: `tcp://127.0.0.1:${port}` };
    expect((await runCommand(["docker", "ps", "-q"], { env })).code).toBe(0);
  });

  test.each(["tcp://0.0.0.0:0", "tcp://[::]:0", "tcp://example.org:2375", "tcp://:2375"])(
    "%s is refused before anything listens",
    async (host) => {
      const place = newPlace();
      const { code, log } = await refusal(...place.flags, ...hostFlags(place), "--host", host);
      expect(code).toBe(1);
      expect(log).toMatch(/refusing to listen on|invalid bind address/);
      expect(log).not.toContain("API listen on");
    },
  );

  test("a port that is taken is told", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const place = newPlace();
    const { code, log } = await refusal(...place.flags, "--host", `tcp://127.0.0.1:${port}`);
    server.close();
    expect(code).toBe(1);
    expect(log).toMatch(/in use|EADDRINUSE/);
    expect(log).toContain(`127.0.0.1:${port}`);
  });
});

describe("files", () => {
  test("the pid file is there when the daemon listens, and gone after its end", async () => {
    const place = newPlace();
    const pidfile = join(place.directory, "run/berth.pid");
    const daemon = await listening(place, "--pidfile", pidfile);
    expect(readFileSync(pidfile, "utf8")).toBe(String(daemon.pid));
    daemon.kill("SIGTERM");
    expect(await daemon.exited()).toBe(0);
    expect(existsSync(pidfile)).toBe(false);
  });

  test("a configuration file with Docker's keys", async () => {
    const place = newPlace();
    const file = join(place.directory, "daemon.json");
    const pidfile = join(place.directory, "p");
    const config = {
      hosts: [`unix://${place.socket}`],
      "data-root": join(place.directory, "elsewhere"),
      "exec-root": join(place.directory, "x"),
      pidfile,
      group: "0",
      debug: true,
      "log-format": "json",
      "live-restore": true,
    };
    writeFileSync(file, JSON.stringify(config));
    await using daemon = daemonWith("--config-file", file);
    await daemon.untilLogged("API listen on");
    expect(existsSync(join(place.directory, "elsewhere/berth.db"))).toBe(true);
    expect(readFileSync(pidfile, "utf8")).toBe(String(daemon.pid));
    const info = (await (await fetch("http://d/info", { unix: place.socket } as RequestInit)).json()) as {
      Debug: boolean;
      DockerRootDir: string;
    };
    expect(info).toMatchObject({ Debug: true, DockerRootDir: config["data-root"] });
  });

  const broken: readonly (readonly [string, string, readonly string[], string])[] = [
    ["an unknown key", '{"nonsense": 1}', [], "don't match any configuration option: nonsense"],
    ["one that is not there yet", '{"tlsverify": true}', [], '"tlsverify" is not available'],
    ["no JSON", "{", [], "unable to configure the daemon with file"],
    [
      "what a flag says too",
      '{"log-level": "info"}',
      ["--log-level", "debug"],
      "specified both as a flag and in the configuration file: log-level: (from flag: debug, from file: info)",
    ],
  ];
  test.each(broken)("a configuration file with %s is refused", async (_, content, flags, message) => {
    const place = newPlace();
    const file = join(place.directory, "daemon.json");
    writeFileSync(file, content);
    const { code, log } = await refusal(...place.flags, ...hostFlags(place), ...flags, "--config-file", file);
    expect(code).toBe(1);
    expect(log).toContain(message);
    expect(log.trimEnd().split("\n")).toHaveLength(1);
    expect(existsSync(join(place.directory, "d"))).toBe(false);
  });

  test("a log in JSON is JSON to its last line", async () => {
    const place = newPlace();
    const daemon = await listening(
      place,
      "--log-format",
      "json",
      "--log-level",
      "debug",
      "-H",
      "tcp://127.0.0.1:0",
    );
    // Something to complain about.
    await fetch("http://d/containers/none/json", { unix: place.socket } as RequestInit);
    daemon.kill("SIGTERM");
    await daemon.exited();
    const lines = daemon.log.trimEnd().split("\n");
    const parsed = lines.map((line) => JSON.parse(line) as { level: string; msg: string; time: string });
    expect(parsed.length).toBeGreaterThan(2);
    for (const { level, msg, time } of parsed) {
      expect(level).toMatch(/^(debug|info|warn|error|fatal)$/);
      expect(msg).not.toBe("");
      expect(new Date(time).toISOString()).toBe(time);
    }
  });
});

describe("locks", () => {
  test("a second daemon on the same data root is refused, the first goes on", async () => {
    const place = newPlace();
    await using first = await listening(place);
    const second = {
      ...newPlace(),
      flags: ["--data-root", join(place.directory, "d"), "--exec-root", `${place.directory}/y`],
    };
    const { code, log } = await refusal(...second.flags, ...hostFlags(second));
    expect(code).toBe(1);
    expect(log).toContain(`held by another berth daemon (process ${first.pid})`);
    expect(await ping({ unix: place.socket })).toBe("OK");
  });

  test("one on the same exec root too: it would sweep the other's containers away", async () => {
    const place = newPlace();
    await using first = await listening(place);
    const second = {
      ...newPlace(),
      flags: ["--data-root", `${place.directory}/e`, "--exec-root", join(place.directory, "x")],
    };
    const { code, log } = await refusal(...second.flags, ...hostFlags(second));
    expect(code).toBe(1);
    expect(log).toContain(`held by another berth daemon (process ${first.pid})`);
    expect(await ping({ unix: place.socket })).toBe("OK");
  });

  test("the lock of a daemon that was killed is free", async () => {
    const place = newPlace();
    const first = await listening(place);
    first.kill("SIGKILL");
    await first.exited();
    await using _ = await listening(place);
    expect(await ping({ unix: place.socket })).toBe("OK");
  });
});

test("without root the daemon says so", async () => {
  const place = newPlace();
  chmodSync(scratch, 0o755);
  chmodSync(place.directory, 0o777);
  const copy = join(place.directory, "berth");
  await mustRun(["cp", BERTH, copy]);
  const argv = [
    "setpriv",
    "--reuid",
    "65534",
    "--clear-groups",
    copy,
    "daemon",
    ...place.flags,
    ...hostFlags(place),
  ];
  const { code, stderr } = await runCommand(argv);
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("the daemon needs root") });
});
