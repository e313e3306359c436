/** berth-kernel as a service: shims, crashes, the protocol. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  writeSync,
} from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { isKind } from "../../../src/base/errors.ts";
import { encodeFrame, FrameParser, PayloadReader, PayloadWriter } from "../../../src/kernel/frames.ts";
import { startKernelHelper } from "../../../src/kernel/kernel-helper.ts";
import { KernelProcess } from "../../../src/kernel/kernel-process.ts";
import { Frame, PROTOCOL_VERSION, Role } from "../../../src/kernel/protocol.ts";
import { failureOf, kernelPids, withKernel } from "./kernel-fixture.ts";

const kernel = withKernel();
let service: KernelProcess;
beforeEach(async () => {
  service = await KernelProcess.start(kernel.binary, kernel.fakeShim);
});
afterEach(() => service.close());

interface Report {
  readonly pid: number;
  readonly sid: number;
  readonly umask: number;
  readonly sigchld: number;
  readonly blocked: number;
  readonly cwd: string;
  readonly exe: string;
  readonly writable: number;
  readonly fds: string;
  readonly argv: readonly string[];
  readonly env: readonly string[];
}

async function spawnShim(directory: string, name: string): Promise<number> {
  const payload = new PayloadWriter().string(directory).string(name).finish();
  return (await service.request(Frame.SPAWN_SHIM, payload, "start a shim")).u32();
}

/** What the fake shim says of itself; it ends when `end` is set. Reached through a path of any length. */
async function ask(directory: string, end: boolean): Promise<Report> {
  const fd = openSync(directory, "r");
  try {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const socket = connect({ path: `/proc/self/fd/${fd}/shim.sock`, allowHalfOpen: true });
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("end", () => {
      if (end) socket.write("x");
      socket.end();
      resolve(text);
    });
    socket.on("error", reject);
    return JSON.parse(await promise) as Report;
  } finally {
    closeSync(fd);
  }
}

describe("a shim", () => {
  test("is started with its socket and nothing else", async () => {
    const directory = kernel.directory();
    const pid = await spawnShim(directory, "0123456789ab");
    const socket = lstatSync(join(directory, "shim.sock"));
    expect(socket.isSocket()).toBe(true);
    expect(socket.mode & 0o777).toBe(0o600);
    expect(await ask(directory, true)).toEqual({
      pid,
      sid: pid,
      umask: 0o22,
      sigchld: 1,
      blocked: 0,
      cwd: directory,
      exe: "/memfd:berth-shim (deleted)",
      writable: 0,
      fds: "0=/dev/null 1=/dev/null 2=/dev/null 3=socket ",
      argv: ["berth-shim", "0123456789ab"],
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    });
  });

  test("works in a directory whose path is longer than a socket's address", async () => {
    const directory = join(kernel.directory(), "long".repeat(50), "long".repeat(50));
    mkdirSync(directory, { recursive: true });
    await spawnShim(directory, "x");
    expect((await ask(directory, true)).cwd).toBe(directory);
  });

  test("outlives berth-kernel, however that ends", async () => {
    const directory = kernel.directory();
    const pid = await spawnShim(directory, "x");
    process.kill(service.pid, "SIGKILL");
    expect((await service.exited).reason).toBe("SIGKILL");
    expect((await ask(directory, true)).pid).toBe(pid);
  });

  test("is no zombie when it has ended", async () => {
    const directory = kernel.directory();
    const pid = await spawnShim(directory, "x");
    await ask(directory, true);
    // A zombie would stay until berth-kernel ends; a process that is ending is gone at some time.
    while (existsSync(`/proc/${pid}`)) await Bun.file("/proc/self/stat").text();
  });

  test("its program cannot be written to, not even through the descriptor", () => {
    const directory = `/proc/${service.pid}/fd`;
    const image = readdirSync(directory).find((fd) =>
      readlinkSync(join(directory, fd)).startsWith("/memfd:"),
    );
    expect(image).toBeDefined();
    const fd = openSync(join(directory, image ?? ""), "r+");
    try {
      expect(() => writeSync(fd, "x")).toThrow("EPERM");
    } finally {
      closeSync(fd);
    }
  });

  test("is refused where one listens already, or where nothing is", async () => {
    const directory = kernel.directory();
    await spawnShim(directory, "x");
    expect(isKind(await failureOf(spawnShim(directory, "x")), "alreadyExists")).toBe(true);
    expect((await ask(directory, true)).argv[1]).toBe("x");
    expect(isKind(await failureOf(spawnShim(join(directory, "missing"), "x")), "notFound")).toBe(true);
    expect(String(await failureOf(spawnShim("relative", "x")))).toContain("EINVAL");
    expect(String(await failureOf(spawnShim(`/${"x".repeat(5000)}`, "x")))).toContain("EINVAL");
  });

  test("that cannot be executed leaves no socket", async () => {
    const broken = await KernelProcess.start(kernel.binary, join(import.meta.dir, "fake-shim.c"));
    const directory = kernel.directory();
    const payload = new PayloadWriter().string(directory).string("x").finish();
    const error = await failureOf(broken.request(Frame.SPAWN_SHIM, payload, "start a shim"));
    expect(String(error)).toContain("execveat");
    expect(String(error)).toContain("ENOEXEC");
    expect(readdirSync(directory)).toEqual([]);
    await broken.close();
  });
});

describe("the service", () => {
  test("ends with its input", async () => {
    await service.close();
    expect((await service.exited).reason).toBe("exit code 0");
    expect(isKind(await failureOf(spawnShim("/tmp", "x")), "unavailable")).toBe(true);
  });

  test("answers a request that it does not know", async () => {
    const error = await failureOf(service.request(99, new Uint8Array(0), "do that"));
    expect(String(error)).toContain("cannot do that: read request: ENOSYS");
  });

  test("needs its shim to start", async () => {
    const error = await failureOf(
      startKernelHelper({ kernelPath: kernel.binary, shimPath: "/nonexistent/berth-shim" }),
    );
    expect(isKind(error, "unavailable")).toBe(true);
    expect(String(error)).toContain("/nonexistent/berth-shim: No such file or directory");
    const missing = startKernelHelper({ kernelPath: "/nonexistent/k", shimPath: kernel.fakeShim });
    expect(isKind(await failureOf(missing), "unavailable")).toBe(true);
  });

  test("that dies rejects what is pending; the next request gets a new one", async () => {
    await service.close();
    const lost = Promise.withResolvers<string>();
    const helper = await startKernelHelper({
      kernelPath: kernel.binary,
      shimPath: kernel.fakeShim,
      onLoss: (reason) => lost.resolve(reason),
    });
    const [pid = 0] = kernelPids();
    // Stopped, so that the request is certainly pending.
    process.kill(pid, "SIGSTOP");
    const pending = failureOf(helper.removeTree("/nonexistent/a"));
    process.kill(pid, "SIGKILL");
    expect(isKind(await pending, "unavailable")).toBe(true);
    expect(await lost.promise).toBe("SIGKILL");
    await helper.removeTree("/nonexistent/a");
    expect(kernelPids()).not.toContain(pid);
    await helper.close();
    expect(kernelPids()).toEqual([]);
    expect(isKind(await failureOf(helper.removeTree("/nonexistent/a")), "unavailable")).toBe(true);
  });
});

describe("a peer that is not the daemon", () => {
  /** Writes raw bytes and gives the exit code. */
  async function talk(bytes: Uint8Array): Promise<number> {
    const child = Bun.spawn([kernel.binary, "serve", kernel.fakeShim], {
      stdin: bytes,
      stdout: "pipe",
      stderr: "ignore",
    });
    const parser = new FrameParser();
    for await (const chunk of child.stdout) {
      for (const frame of parser.push(chunk)) {
        if (frame.type === Frame.HELLO) expect(new PayloadReader(frame.payload).u32()).toBe(PROTOCOL_VERSION);
      }
    }
    return child.exited;
  }
  const hello = (version: number, role: number) =>
    encodeFrame(Frame.HELLO, 0, new PayloadWriter().u32(version).u32(role).finish());

  test("is turned away", async () => {
    expect(await talk(hello(PROTOCOL_VERSION, Role.KERNEL))).toBe(0);
    expect(await talk(hello(PROTOCOL_VERSION + 1, Role.KERNEL))).toBe(1);
    expect(await talk(hello(PROTOCOL_VERSION, Role.CONTROL))).toBe(1);
    expect(await talk(encodeFrame(Frame.REMOVE_TREE, 1, new PayloadWriter().string("/x").finish()))).toBe(1);
    expect(await talk(Buffer.alloc(100, 0xff))).toBe(1);
  });

  test("with payloads too short gets an error, not a crash", async () => {
    for (const type of [Frame.SPAWN_SHIM, Frame.REMOVE_TREE, Frame.DISK_USAGE]) {
      for (const payload of [[], [1], [255, 255, 255, 255], [4, 0, 0, 0, 47], [0, 0, 0, 0]]) {
        const error = await failureOf(service.request(type, new Uint8Array(payload), "try"));
        expect(String(error)).toContain("EINVAL");
      }
    }
  });
});
