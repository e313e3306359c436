import { beforeEach, describe, expect, test } from "bun:test";
import type { ExecCreateRequest } from "../../../api/container-config.ts";
import { EngineError } from "../../../base/errors.ts";
import {
  type ExitStatus,
  LaunchError,
  type ProcessStream,
  type StreamSelection,
} from "../../../kernel/shim-session.ts";
import type { OciRuntimeConfig } from "../../../oci/runtime-config.ts";
import type { ExecSpec } from "../../../runtime/container-runtime.ts";
import type { AttachedClient, ExecsBackend } from "../container-use-cases.ts";
import {
  containerRecord,
  FixedContainer,
  FixedDirectory,
  processWith,
  STOPPED,
} from "../testing/fixed-directory.ts";
import { createExecs } from "./exec.ts";

const decoder = new TextDecoder();
const config = { process: { env: ["PATH=/bin", "HOSTNAME=h", "TERM=xterm", "A=1"] } } as OciRuntimeConfig;
const ATTACHED = { AttachStdin: true, AttachStdout: true, AttachStderr: true };

/** One program inside the container, played by the test. */
class PlayedExec {
  readonly exit = Promise.withResolvers<ExitStatus>();
  readonly written: string[] = [];
  readonly signals: number[] = [];
  readonly sizes: number[][] = [];
  streams: StreamSelection | undefined;
  stream: ProcessStream | undefined;
  closed = false;
  readonly pid = 4711;
  readonly exited = this.exit.promise;

  attach(streams: StreamSelection): void {
    this.streams = streams;
    this.stream = {
      output: (async function* () {
        yield { stream: "stdout", data: new TextEncoder().encode("hi") } as const;
      })(),
      write: async (data) => void this.written.push(decoder.decode(data)),
      endInput: () => void this.written.push("EOF"),
      close: () => {
        this.closed = true;
      },
    };
  }
  async resize(rows: number, columns: number): Promise<void> {
    this.sizes.push([rows, columns]);
  }
  async signal(signal: number): Promise<void> {
    this.signals.push(signal);
  }
  end(code: number): void {
    this.exit.resolve({ code, signal: 0, oomKilled: false, finishedAtNs: 1n });
  }
}

let container: FixedContainer;
let played: PlayedExec;
let specs: ExecSpec[];
let failure: Error | undefined;
let events: string[];
let now: number;
let execs: ExecsBackend;

beforeEach(() => {
  played = new PlayedExec();
  specs = [];
  failure = undefined;
  events = [];
  now = 1_000_000;
  const record = containerRecord(1, {
    state: { ...STOPPED, status: "running", pid: 5, startedAtNs: 1n },
    config: { Cmd: ["sh"], Env: ["A=1"], User: "web", WorkingDir: "/srv", Tty: true, Labels: {} },
    hostConfig: { GroupAdd: ["audio"] },
  });
  const process = processWith({
    exec: async (_, spec, streams) => {
      if (failure !== undefined) throw failure;
      specs.push(spec);
      played.stream = undefined;
      if (streams !== undefined) played.attach(streams);
      return played;
    },
  });
  container = new FixedContainer(record, process);
  execs = createExecs({
    directory: new FixedDirectory(container),
    events: {
      publish: (type, action, id, { execID, exitCode }) => {
        expect([type, id, execID?.length]).toEqual(["container", container.id, 64]);
        events.push(exitCode === undefined ? action : `${action} ${exitCode}`);
      },
    },
    runtimeConfigOf: async () => config,
    nowMs: () => now,
  });
});

const create = async (request: ExecCreateRequest = {}) =>
  (await execs.create("name1", { Cmd: ["ls", "-l"], ...request })).Id;
const attach = async (request: ExecCreateRequest = {}) => {
  const id = await create({ ...ATTACHED, ...request });
  return { id, client: await execs.startAttached(id, undefined) };
};
async function outputOf(client: AttachedClient): Promise<string> {
  let text = "";
  for await (const chunk of client.output) text += decoder.decode(chunk.data);
  return text;
}

describe("exec", () => {
  test("from creation to exit code", async () => {
    const { id, client } = await attach();
    expect(await execs.inspect(id)).toEqual({
      ID: id,
      Running: true,
      ExitCode: null,
      ProcessConfig: { tty: false, entrypoint: "ls", arguments: ["-l"], privileged: false },
      OpenStdin: true,
      OpenStderr: true,
      OpenStdout: true,
      CanRemove: false,
      ContainerID: container.id,
      DetachKeys: "",
      Pid: 4711,
    });
    await client.write(new TextEncoder().encode("in"));
    client.endInput();
    played.end(3);
    expect(await outputOf(client)).toBe("hi");
    expect(played.written).toEqual(["in", "EOF"]);
    expect(await execs.inspect(id)).toMatchObject({ Running: false, ExitCode: 3 });
    expect(events).toEqual(["exec_create: ls -l", "exec_start: ls -l", "exec_die 3"]);
  });

  test("the output ends only when the exit code is known", async () => {
    const { id, client } = await attach();
    const codes: unknown[] = [];
    const reading = outputOf(client).then(async () => codes.push((await execs.inspect(id)).ExitCode));
    await new Promise((resolve) => setImmediate(resolve));
    expect(codes).toEqual([]);
    played.end(9);
    await reading;
    expect(codes).toEqual([9]);
  });

  test("a client that goes leaves the program running", async () => {
    const { id, client } = await attach({ DetachKeys: "ctrl-a,x" });
    expect(client.detachKeys).toBe("ctrl-a,x");
    client.detached();
    expect(await outputOf(client)).toBe("hi");
    expect(played.closed).toBe(true);
    expect(await execs.inspect(id)).toMatchObject({ Running: true, DetachKeys: "AXg=" });
    expect(events.at(-1)).toBe("exec_detach");
  });

  test("the container's settings are taken unless the request has its own", async () => {
    await execs.startDetached(await create({ ...ATTACHED, Env: ["A=2", "B=3", "HOSTNAME"] }));
    expect(specs[0]).toEqual({
      args: ["ls", "-l"],
      env: ["PATH=/bin", "A=2", "B=3"],
      cwd: "/srv",
      user: { spec: "web", additionalGroups: ["audio"] },
      tty: false,
      rows: 0,
      columns: 0,
      openStdin: false,
      detached: true,
      privileged: false,
    });
    const id = await create({
      ...ATTACHED,
      Tty: true,
      User: "0",
      WorkingDir: "/tmp",
      Privileged: true,
      ConsoleSize: [10, 20],
    });
    await execs.startAttached(id, [30, 40]);
    expect(specs[1]).toMatchObject({
      cwd: "/tmp",
      user: { spec: "0" },
      rows: 30,
      columns: 40,
      openStdin: true,
      detached: false,
      privileged: true,
    });
    expect(specs[1]?.env.at(-1)).toBe("TERM=xterm");
  });

  test("who waits is told with the end, or when it no longer waits", async () => {
    const { id } = await attach();
    const gone = new AbortController();
    const waiting = execs.inspect(id, new AbortController().signal);
    const leaving = execs.inspect(id, gone.signal);
    gone.abort();
    expect(await leaving).toMatchObject({ Running: true });
    played.end(4);
    expect(await waiting).toMatchObject({ Running: false, ExitCode: 4 });
    expect(await execs.inspect(id, new AbortController().signal)).toMatchObject({ ExitCode: 4 });
  });

  test("streams that were not asked for are not attached; with none the client only waits", async () => {
    await attach({ AttachStdin: false, AttachStderr: false });
    expect(played.streams).toEqual({ stdin: false, stdout: true, stderr: false });
    played.streams = undefined;
    const { client } = await attach({ AttachStdin: false, AttachStdout: false, AttachStderr: false });
    await client.write(new Uint8Array([1]));
    played.end(0);
    expect(await outputOf(client)).toBe("");
    expect(played.streams).toBeUndefined();
    expect(specs[1]?.detached).toBe(true);
  });

  test("a lost shim is an end too", async () => {
    const { id, client } = await attach();
    played.exit.reject(new EngineError("unavailable", "lost"));
    await outputOf(client);
    expect(await execs.inspect(id)).toMatchObject({ Running: false, ExitCode: 137 });
  });

  test("resize", async () => {
    const { id } = await attach({ Tty: true });
    await execs.resize(id, 24, 80);
    expect(played.sizes).toEqual([[24, 80]]);
    await expect(execs.resize(await create(), 1, 1)).rejects.toMatchObject({ kind: "conflict" });
  });

  test("resize waits for a start that was accepted", async () => {
    const id = await create({ ...ATTACHED, Tty: true });
    let resized: Promise<void> | undefined;
    await execs.startAttached(id, undefined, () => {
      resized = Promise.resolve().then(() => execs.resize(id, 24, 80));
    });
    await resized;
    expect(played.sizes).toEqual([[24, 80]]);
  });
});

describe("an exec that fails to start", () => {
  const PREFIX = "OCI runtime exec failed: exec failed: unable to start container process:";
  test.each([
    [
      new LaunchError("EXEC", "lookup", "ENOENT", "ls"),
      "ls",
      127,
      `${PREFIX} exec: "ls": executable file not found in $PATH: unknown`,
    ],
    [
      new LaunchError("EXEC", "lookup", "ENOENT", "/no"),
      "/no",
      127,
      `${PREFIX} exec: "/no": stat /no: no such file or directory: unknown`,
    ],
    [
      new LaunchError("EXEC", "lookup", "EACCES", "/f"),
      "/f",
      126,
      `${PREFIX} exec: "/f": permission denied: unknown`,
    ],
    [
      new LaunchError("EXEC", "lookup", "EISDIR", "/"),
      "/",
      126,
      `${PREFIX} exec: "/": is a directory: unknown: permission denied`,
    ],
    [
      new LaunchError("WORKDIR", "chdir", "ENOENT", "/gone"),
      "ls",
      127,
      `${PREFIX} chdir to cwd ("/gone") set in config.json failed: no such file or directory: unknown`,
    ],
  ])("%s", async (error, program, exitCode, message) => {
    failure = error;
    const { id, client } = await attach({ Cmd: [program] });
    expect(await outputOf(client)).toBe(`${message}\r\n`);
    expect(await execs.inspect(id)).toMatchObject({ Running: false, ExitCode: exitCode });
    await expect(execs.startDetached(await create({ Cmd: [program] }))).rejects.toMatchObject({
      kind: "invalid",
      message,
    });
  });

  test("for a reason of our own is told as it is", async () => {
    failure = new EngineError("unavailable", "no shim");
    const id = await create(ATTACHED);
    await expect(execs.startAttached(id, undefined)).rejects.toMatchObject({ kind: "unavailable" });
    expect((await execs.inspect(id)).ExitCode).toBe(126);
  });
});

describe("an exec that is refused", () => {
  test.each([
    [{ Cmd: [] }, "No exec command specified"],
    [{ Cmd: null }, "No exec command specified"],
    [{ Cmd: ["a\0b"] }, "the exec request contains a NUL byte"],
    [{ WorkingDir: "srv" }, 'Cwd must be an absolute path, not "srv"'],
    [{ DetachKeys: "ctrl-ä" }, "Invalid escape keys (ctrl-ä) provided"],
  ] as [ExecCreateRequest, string][])("%j", async (request, message) => {
    await expect(create(request)).rejects.toMatchObject({ kind: "invalid", message });
  });

  test.each([
    ["created", (): string => `container ${container.id} is not running`],
    ["exited", (): string => `container ${container.id} is not running`],
    ["removing", (): string => `container ${container.id} is not running`],
    ["paused", (): string => "Container name1 is paused, unpause the container before exec"],
    [
      "restarting",
      (): string => `Container ${container.id} is restarting, wait until the container is running`,
    ],
  ] as const)("in a container that is %s", async (status, message) => {
    container.update({ status });
    await expect(create()).rejects.toMatchObject({ kind: "conflict", message: message() });
  });

  test("unknown ones", async () => {
    await expect(execs.create("nobody", { Cmd: ["x"] })).rejects.toMatchObject({
      kind: "notFound",
      message: "No such container: nobody",
    });
    await expect(execs.inspect("abc")).rejects.toMatchObject({
      kind: "notFound",
      message: "No such exec instance: abc",
    });
  });

  test("a second start, at once and after the end", async () => {
    const id = await create(ATTACHED);
    const first = execs.startAttached(id, undefined);
    await expect(execs.startDetached(id)).rejects.toThrow(`exec command ${id} is already running`);
    const client = await first;
    played.end(0);
    await outputOf(client);
    await expect(execs.startAttached(id, undefined)).rejects.toThrow(`exec command ${id} has already run`);
  });

  test("a start after the container stopped", async () => {
    const id = await create();
    container.stop();
    await expect(execs.startDetached(id)).rejects.toMatchObject({ kind: "conflict" });
  });
});

describe("exec sessions in memory", () => {
  test("ended ones can be inspected for five minutes, also after the container stopped", async () => {
    const { id, client } = await attach();
    played.end(1);
    await outputOf(client);
    container.execs.clear();
    container.stop();
    now += 4 * 60_000;
    expect((await execs.inspect(id)).ExitCode).toBe(1);
    now += 2 * 60_000;
    await expect(execs.inspect(id)).rejects.toMatchObject({ kind: "notFound" });
  });

  test("ones that were never started go with their container's run", async () => {
    const id = await create();
    container.execs.clear();
    now += 60_000;
    await expect(execs.inspect(id)).rejects.toMatchObject({ kind: "notFound" });
  });

  test("there are never more than 1024 of a container: old ended ones go first", async () => {
    const { id, client } = await attach();
    played.end(0);
    await outputOf(client);
    for (let count = 1; count < 1024; count++) await create();
    await create();
    expect(container.execs.size).toBe(1024);
    await expect(execs.inspect(id)).rejects.toMatchObject({ kind: "notFound" });
    await expect(create()).rejects.toMatchObject({ kind: "exhausted" });
  });
});
