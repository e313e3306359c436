import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { EngineError } from "../../base/errors.ts";
import { LaunchError } from "../../kernel/shim-session.ts";
import { TestLifecycle } from "./testing/lifecycle.ts";

let life: TestLifecycle;
beforeEach(() => {
  life = new TestLifecycle();
});
afterEach(() => life.dispose());

const never = new AbortController().signal;
const GONE = { force: false, volumes: false, link: false };
const FORCED = { ...GONE, force: true };

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof EngineError) return `${error.kind}: ${error.message}`;
    throw error;
  }
  return "accepted";
}

async function exit(id: string, status: Parameters<ReturnType<typeof life.runtime.process>["end"]>[0] = {}) {
  const { result } = await life.backend.wait(id, "next-exit", never);
  life.runtime.process(id).end(status);
  return result;
}

describe("start and exit", () => {
  test("a run from start to end", async () => {
    const id = await life.run(
      { Tty: true, User: "app", HostConfig: { ConsoleSize: [24, 80], GroupAdd: ["wheel"] } },
      "web",
    );
    const process = life.runtime.process(id);
    expect(life.state(id)).toMatchObject({
      status: "running",
      pid: process.pid,
      startedAtNs: process.startedAtNs,
    });
    expect(life.runtime.launched[0]).toMatchObject({
      id,
      root: { upperDir: `/${id}/fs` },
      user: { spec: "app", additionalGroups: ["wheel"] },
      stdio: { tty: true, openStdin: false, rows: 24, columns: 80 },
      log: { path: join(life.dataRoot, "containers", id, `${id}-json.log`), maxBytes: 0, maxFiles: 1 },
      init: false,
    });
    expect(await exit(id, { code: 3 })).toEqual({ StatusCode: 3 });
    expect(life.state(id)).toMatchObject({ status: "exited", pid: 0, exitCode: 3 });
    expect(life.actions).toEqual(["create", "start", "die"]);
    expect(life.events.at(-1)?.attributes).toEqual({
      exitCode: "3",
      execDuration: "2",
      image: "busybox",
      name: "web",
    });
  });

  test("writes the files that are bound into it", async () => {
    const id = await life.run({ Hostname: "box", HostConfig: { ExtraHosts: ["db:10.0.0.1"] } });
    const { files } = life.inputs[0] ?? {};
    expect(readFileSync(files?.hostname ?? "", "utf8")).toBe("box\n");
    expect(readFileSync(files?.hosts ?? "", "utf8")).toContain("10.0.0.1\tdb\n");
    expect(existsSync(join(life.dataRoot, "containers", id, "resolv.conf"))).toBe(true);
  });

  test("launches what was worked out after the creation, where that depends on the record alone", async () => {
    const anticipated = life.runtime.nextAnticipation();
    const plain = await life.create();
    const bound = await life.create({ HostConfig: { Binds: ["/tmp:/tmp"] } });
    await anticipated;
    expect(life.runtime.anticipated.map(({ id }) => String(id))).toEqual([plain]);
    await life.backend.start(plain);
    await life.backend.start(bound);
    const [first, second] = life.runtime.launched;
    expect(first).toBe(life.runtime.anticipated[0]);
    expect(String(second?.id)).toBe(bound);
  });

  test("again after its end; shim and cgroup of the first run are gone by then", async () => {
    const id = await life.run();
    await exit(id);
    await life.backend.start(id);
    expect(life.runtime.forgotten).toEqual([id]);
    expect(life.state(id)).toMatchObject({ status: "running", exitCode: 0 });
  });

  test("of one that runs changes nothing", async () => {
    const id = await life.run();
    expect(await refusal(life.backend.start(id))).toBe("notModified: container is already running");
    const twice = await life.create();
    const both = await Promise.all([refusal(life.backend.start(twice)), refusal(life.backend.start(twice))]);
    expect(both).toEqual(["accepted", "notModified: container is already running"]);
    expect(life.runtime.launched).toHaveLength(2);
  });

  test("an end by lack of memory is told", async () => {
    const id = await life.run();
    await exit(id, { code: 137, signal: 9, oomKilled: true });
    expect(life.state(id).oomKilled).toBe(true);
    expect(life.actions).toEqual(["create", "start", "oom", "die"]);
  });

  test("a lost shim counts as killed", async () => {
    const id = await life.run();
    const { result } = await life.backend.wait(id, "not-running", never);
    life.runtime.process(id).exit.reject(new EngineError("unavailable", "lost"));
    expect(await result).toEqual({ StatusCode: 137 });
  });

  test("a program that ends at once is recorded as started, then as ended", async () => {
    const id = await life.create();
    life.runtime.onLaunch = (process) => process.end({ code: 7 });
    await life.backend.start(id);
    await life.until(id, (status) => status === "exited");
    expect(life.actions).toEqual(["create", "start", "die"]);
  });
});

describe("a start that fails", () => {
  const notFound = () => new LaunchError("EXEC", "execve", "ENOENT", "nope");

  test("is remembered, and can be tried again", async () => {
    const id = await life.create({ Cmd: ["nope"] });
    life.runtime.failWith = notFound();
    expect(await refusal(life.backend.start(id))).toEndWith(
      'exec: "nope": executable file not found in $PATH: unknown',
    );
    expect(life.state(id)).toMatchObject({ status: "created", exitCode: 127 });
    expect(life.state(id).error).toContain("executable file not found in $PATH");
    const { result } = await life.backend.wait(id, "not-running", never);
    expect(await result).toMatchObject({
      StatusCode: 127,
      Error: { Message: expect.stringContaining("nope") },
    });
    await life.backend.start(id);
    expect(life.state(id)).toMatchObject({ status: "running", error: "" });
  });

  test("removes one that is to be removed", async () => {
    const id = await life.create({ HostConfig: { AutoRemove: true } });
    const { result } = await life.backend.wait(id, "removed", never);
    life.runtime.failWith = notFound();
    expect(await refusal(life.backend.start(id))).toStartWith("invalid: ");
    expect(await result).toMatchObject({ StatusCode: 127 });
    expect(life.containers.directory.find(id)).toBeUndefined();
  });

  test("a program whose start cannot be written is not left running", async () => {
    const id = await life.create();
    life.refuseRunningStates();
    expect(await refusal(life.backend.start(id).catch((error) => Promise.reject(error)))).toStartWith(
      "internal: ",
    );
    expect(life.runtime.processes.has(id)).toBe(false);
    expect(life.containers.directory.get(id).process).toBeUndefined();
  });

  test("a network of one that does not run", async () => {
    await life.create({}, "donor");
    const id = await life.create({ HostConfig: { NetworkMode: "container:donor" } });
    expect(await refusal(life.backend.start(id))).toBe(
      "conflict: cannot join network namespace of a non running container: container donor is created",
    );
    await life.backend.start("donor");
    await life.backend.start(id);
    const input = life.inputs.at(-1);
    const donor = life.containers.directory.get("donor");
    expect(input?.sharedWith.network).toBe(donor.process?.pid);
    expect(input?.files.hosts).toContain(donor.id);
    expect(input?.config.Hostname).toBe(donor.record.config.Hostname);
  });

  test("an IPC namespace that is private", async () => {
    await life.run({}, "donor");
    const id = await life.create({ HostConfig: { IpcMode: "container:donor" } });
    expect(await refusal(life.backend.start(id))).toContain("non-shareable IPC");
  });
});

describe("--rm", () => {
  test("removes after the end; who waits for either hears of it", async () => {
    const id = await life.run({ HostConfig: { AutoRemove: true } });
    const waits = await Promise.all([
      life.backend.wait(id, "next-exit", never),
      life.backend.wait(id, "removed", never),
    ]);
    life.runtime.process(id).end({ code: 5 });
    expect(await Promise.all(waits.map(({ result }) => result))).toEqual([
      { StatusCode: 5 },
      { StatusCode: 5 },
    ]);
    await life.containers.idle();
    expect(life.containers.directory.all()).toEqual([]);
    expect([life.snapshots.keys.size, life.runtime.known.size]).toEqual([0, 0]);
    expect(existsSync(join(life.dataRoot, "containers", id))).toBe(false);
    expect(life.actions).toEqual(["create", "start", "die", "destroy"]);
  });

  test("not in the middle of a restart", async () => {
    const id = await life.run({ HostConfig: { AutoRemove: true } });
    await life.backend.restart(id, { timeoutSeconds: 0 });
    expect(life.state(id).status).toBe("running");
  });
});

describe("rename", () => {
  test("frees the old name", async () => {
    const id = await life.create({}, "old");
    await life.backend.rename("old", "/new");
    expect(life.containers.directory.get("new").id).toBe(id as never);
    expect(life.events.at(-1)).toMatchObject({
      action: "rename",
      attributes: { oldName: "/old", name: "new" },
    });
    expect(await refusal(life.create({}, "old"))).toBe("accepted");
    expect(await refusal(life.backend.rename("new", "old"))).toStartWith(
      'conflict: Error when allocating new name: Conflict. The container name "/old" is already in use',
    );
    expect(await refusal(life.backend.rename("new", "new"))).toContain("same name as its current name");
    expect(await refusal(life.backend.rename("new", "/"))).toBe(
      "invalid: Neither old nor new names may be empty",
    );
    expect(await refusal(life.backend.rename("new", "a b"))).toContain("Invalid container name (a b)");
  });
});

describe("remove", () => {
  test("needs force for one that runs, and then ends it", async () => {
    const id = await life.run({}, "web");
    expect(await refusal(life.backend.remove("web", GONE))).toBe(
      'conflict: cannot remove container "/web": container is running: stop the container before removing or force remove',
    );
    await life.backend.remove("web", FORCED);
    await life.containers.idle();
    expect(life.containers.directory.find(id)).toBeUndefined();
    expect([life.snapshots.keys.size, life.runtime.forgotten]).toEqual([0, [id]]);
    expect(life.actions.slice(-3)).toEqual(["kill", "die", "destroy"]);
    expect(await refusal(life.backend.remove("web", GONE))).toBe("notFound: No such container: web");
  });

  test("twice at once: the second is told", async () => {
    const id = await life.run({}, "web");
    const process = life.runtime.process(id);
    process.onSignal = () => undefined;
    const first = life.backend.remove("web", FORCED);
    expect(await refusal(life.backend.remove("web", FORCED))).toBe(
      "conflict: removal of container web is already in progress",
    );
    process.end();
    await first;
  });

  test("that fails leaves it as it was, and tells who waits for it", async () => {
    const id = await life.run({}, "web");
    life.runtime.process(id).onSignal = () => undefined;
    const { result } = await life.backend.wait("web", "removed", never);
    expect(await refusal(life.backend.remove("web", FORCED))).toStartWith(
      'internal: cannot remove container "/web": could not kill container: tried to kill',
    );
    expect(await result).toMatchObject({ Error: { Message: expect.stringContaining("tried to kill") } });
    expect(life.state(id).status).toBe("running");
    life.runtime.process(id).onSignal = () => life.runtime.process(id).end();
    await life.backend.remove("web", FORCED);
  });

  test("one that never ran wakes all who wait for it", async () => {
    const id = await life.create();
    const waits = await Promise.all([
      life.backend.wait(id, "next-exit", never),
      life.backend.wait(id, "removed", never),
    ]);
    await life.backend.remove(id, GONE);
    expect(await Promise.all(waits.map(({ result }) => result))).toEqual([
      { StatusCode: 0 },
      { StatusCode: 0 },
    ]);
  });
});

describe("wait", () => {
  test("answers at once for one that does not run, and gives up with the client", async () => {
    const id = await life.create();
    const met = await life.backend.wait(id, "not-running", never);
    expect(await met.result).toEqual({ StatusCode: 0 });
    const client = new AbortController();
    const { result } = await life.backend.wait(id, "removed", client.signal);
    client.abort();
    expect(await refusal(result)).toBe("canceled: the client no longer waits");
  });
});

describe("restart", () => {
  test("stops, starts and tells both", async () => {
    const id = await life.run();
    const first = life.runtime.process(id);
    await life.backend.restart(id, { timeoutSeconds: 0 });
    expect(life.runtime.process(id)).not.toBe(first);
    expect(life.actions.slice(2)).toEqual(["kill", "kill", "die", "stop", "start", "restart"]);
  });

  test("starts one that does not run, and wraps failures as Docker does", async () => {
    const id = await life.create({}, "web");
    life.runtime.failWith = new LaunchError("EXEC", "execve", "ENOENT", "sh");
    expect(await refusal(life.backend.restart("web", {}))).toStartWith(
      "internal: Cannot restart container web: failed",
    );
    await life.backend.restart("web", {});
    expect(life.state(id).status).toBe("running");
  });
});

describe("resize", () => {
  test("reaches the terminal of one that runs", async () => {
    const id = await life.create();
    expect(await refusal(life.backend.resize(id, 24, 80))).toBe(`conflict: container ${id} is not running`);
    await life.backend.start(id);
    await life.backend.resize(id, 24, 80);
    expect(life.runtime.process(id).sizes).toEqual([[24, 80]]);
    expect(life.events.at(-1)).toMatchObject({ action: "resize", attributes: { height: "24", width: "80" } });
    expect(await refusal(life.backend.resize(id, 70000, 80))).toStartWith("invalid: ");
  });
});

describe("prune", () => {
  const pruned = async (filters: Record<string, string[]> = {}) => {
    const { ContainersDeleted } = await life.backend.prune(new Map(Object.entries(filters)));
    return (ContainersDeleted ?? []).length;
  };

  test("removes what does not run", async () => {
    await life.run({}, "running");
    const id = await life.create({}, "idle");
    expect(await life.backend.prune(new Map())).toEqual({ ContainersDeleted: [id], SpaceReclaimed: 4096 });
    expect(await life.backend.prune(new Map())).toEqual({ ContainersDeleted: null, SpaceReclaimed: 0 });
    expect(life.containers.directory.all().map(({ record }) => record.name)).toEqual(["running"]);
  });

  test("by label and age", async () => {
    await life.create({ Labels: { keep: "1", tier: "web" } });
    expect(await pruned({ label: ["tier=db"] })).toBe(0);
    expect(await pruned({ "label!": ["keep"] })).toBe(0);
    expect(await pruned({ until: ["10m"] })).toBe(0);
    expect(await pruned({ until: ["2020-01-01"] })).toBe(0);
    life.nowNs += 700_000_000_000n;
    expect(await pruned({ until: ["10m"], label: ["tier=web", "keep"] })).toBe(1);
  });

  test("refuses filters it does not know", async () => {
    expect(await refusal(pruned({ name: ["x"] }))).toBe("invalid: invalid filter 'name'");
    expect(await refusal(pruned({ until: ["x"] }))).toBe(
      'invalid: failed to parse value as time or duration: "x"',
    );
    expect(await refusal(pruned({ until: ["1h", "2h"] }))).toBe(
      "invalid: more than one until filter specified",
    );
  });
});

test("images know who uses them", async () => {
  const id = await life.run({}, "web");
  const image = life.containers.directory.get(id).record.imageId;
  expect(life.containers.containersOf(image)).toEqual([{ id, name: "web", running: true }]);
});
