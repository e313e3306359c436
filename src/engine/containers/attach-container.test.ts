import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ContainerCreateRequest } from "../../api/container-config.ts";
import { LaunchError } from "../../kernel/shim-session.ts";
import type { AttachedClient, AttachOptions } from "./container-use-cases.ts";
import { TestLifecycle } from "./testing/lifecycle.ts";

let life: TestLifecycle;
beforeEach(() => {
  life = new TestLifecycle();
});
afterEach(() => life.dispose());

const ALL: AttachOptions = { stdin: true, stdout: true, stderr: true, logs: false, stream: true };
const INTERACTIVE: ContainerCreateRequest = { OpenStdin: true, StdinOnce: true };
const bytes = (text: string) => new TextEncoder().encode(text);

/** All output, each chunk with its stream's first letter but one: `o:hello`. */
async function read(client: AttachedClient): Promise<string[]> {
  const lines: string[] = [];
  for await (const { stream, data } of client.output)
    lines.push(`${stream[3]}:${new TextDecoder().decode(data)}`);
  return lines;
}

function stream(id: string, index = 0) {
  const found = life.runtime.process(id).streams[index];
  if (found === undefined) throw new Error(`no stream ${index}`);
  return found;
}

describe("before the start", () => {
  test("misses nothing, and ends with the process", async () => {
    const id = await life.create();
    const client = await life.backend.attach(id, ALL);
    const output = read(client);
    life.runtime.onLaunch = (process) => {
      process.say("first");
      process.say("oops", "stderr");
      process.end();
    };
    await life.backend.start(id);
    expect(await output).toEqual(["o:first", "e:oops"]);
    expect(life.actions.slice(0, 3)).toEqual(["create", "attach", "start"]);
  });

  test("input waits for the start, its end too", async () => {
    const id = await life.create(INTERACTIVE);
    const client = await life.backend.attach(id, ALL);
    const written = client.write(bytes("hello"));
    client.endInput();
    await life.backend.start(id);
    await written;
    const attached = stream(id);
    life.runtime.process(id).end();
    await read(client);
    expect(attached).toMatchObject({ input: ["hello"], inputEnded: true });
  });

  test.each([
    [
      "the start fails",
      async (id: string) => {
        life.runtime.failWith = new LaunchError("EXEC", "execve", "ENOENT", "x");
        await life.backend.start(id).catch(() => undefined);
      },
    ],
    [
      "the container is removed",
      (id: string) => life.backend.remove(id, { force: false, volumes: false, link: false }),
    ],
  ])("ends when %s", async (_case, happens) => {
    const id = await life.create();
    const output = read(await life.backend.attach(id, ALL));
    await happens(id);
    expect(await output).toEqual([]);
  });

  test("a client that has left is not attached", async () => {
    const id = await life.create();
    const client = await life.backend.attach(id, ALL);
    client.close();
    await life.backend.start(id);
    expect(life.runtime.process(id).streams).toEqual([]);
    expect(await read(client)).toEqual([]);
  });
});

describe("what is attached", () => {
  test("stdin only where it is open, one output with a terminal", async () => {
    const plain = await life.run();
    await life.backend.attach(plain, ALL);
    expect(stream(plain).selection).toEqual({ stdin: false, stdout: true, stderr: true });
    const tty = await life.run({ Tty: true, OpenStdin: true });
    expect((await life.backend.attach(tty, ALL)).tty).toBe(true);
    expect(stream(tty).selection).toEqual({ stdin: true, stdout: true, stderr: false });
  });

  test("nothing of a paused one", async () => {
    const id = await life.run({}, "web");
    await life.backend.pause("web");
    await expect(life.backend.attach("web", ALL)).rejects.toThrow(
      "container web is paused, unpause the container before attach",
    );
    expect(life.runtime.process(id).streams).toEqual([]);
  });
});

describe("the end of a client's input", () => {
  test("closes the process's stdin where that was for one client", async () => {
    const id = await life.run(INTERACTIVE);
    const client = await life.backend.attach(id, ALL);
    await client.write(bytes("x"));
    client.endInput();
    const attached = stream(id);
    life.runtime.process(id).end();
    await read(client);
    expect(attached).toMatchObject({ input: ["x"], inputEnded: true });
  });

  test.each([
    ["kept open for others", { OpenStdin: true }],
    ["a terminal", { ...INTERACTIVE, Tty: true }],
  ])("ends the attachment where stdin is %s", async (_case, request) => {
    const id = await life.run(request);
    const client = await life.backend.attach(id, ALL);
    client.write(bytes("x"));
    client.endInput();
    expect(await read(client)).toEqual([]);
    expect(stream(id)).toMatchObject({ input: ["x"], inputEnded: false, closed: true });
  });

  test("says nothing where stdin was not asked for", async () => {
    const id = await life.run(INTERACTIVE);
    const client = await life.backend.attach(id, { ...ALL, stdin: false });
    client.endInput();
    life.runtime.process(id).say("still here");
    life.runtime.process(id).end();
    expect(await read(client)).toEqual(["o:still here"]);
  });

  test("comes with the connection's end, but not with the detach keys", async () => {
    const id = await life.run(INTERACTIVE);
    const [gone, left] = [await life.backend.attach(id, ALL), await life.backend.attach(id, ALL)];
    gone.close();
    left.detached();
    await Promise.all([read(gone), read(left)]);
    expect([stream(id, 0).inputEnded, stream(id, 1).inputEnded]).toEqual([true, false]);
    expect([stream(id, 0).closed, stream(id, 1).closed]).toEqual([true, true]);
    expect(life.actions.filter((action) => action === "detach")).toHaveLength(1);
  });
});

describe("logs", () => {
  const entry = (stream: string, log: string) =>
    `${JSON.stringify({ log, stream, time: "2026-11-21T00:00:00Z" })}\n`;

  test("come first, alone or before the stream", async () => {
    const id = await life.run();
    const text = entry("stdout", "old\n") + entry("stderr", "bad\n");
    writeFileSync(join(life.dataRoot, "containers", id, `${id}-json.log`), text);
    const alone = await life.backend.attach(id, { ...ALL, logs: true, stream: false });
    expect(await read(alone)).toEqual(["o:old\n", "e:bad\n"]);
    const both = await life.backend.attach(id, { ...ALL, stderr: false, logs: true });
    life.runtime.process(id).say("new");
    life.runtime.process(id).end();
    expect(await read(both)).toEqual(["o:old\n", "o:new"]);
  });

  test("that were not kept are an error", async () => {
    const id = await life.run({ HostConfig: { LogConfig: { Type: "none" } } });
    expect(life.runtime.launched[0]?.log).toBeUndefined();
    await expect(life.backend.attach(id, { ...ALL, logs: true })).rejects.toThrow("does not support reading");
  });
});
