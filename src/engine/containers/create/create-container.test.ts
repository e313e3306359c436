import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { ContainerCreateRequest } from "../../../api/container-config.ts";
import { EngineError } from "../../../base/errors.ts";
import { TestLifecycle } from "../testing/lifecycle.ts";

let life: TestLifecycle;
beforeEach(() => {
  life = new TestLifecycle();
});
afterEach(() => life.dispose());

async function refusal(request: ContainerCreateRequest, name?: string): Promise<string> {
  try {
    await life.create(request, name);
  } catch (error) {
    if (error instanceof EngineError) return `${error.kind}: ${error.message}`;
    throw error;
  }
  return "accepted";
}

describe("create", () => {
  test("makes a snapshot on the image, then the record, then tells of it", async () => {
    const id = await life.create({ Labels: { a: "b" } }, "/web");
    const { record } = life.containers.directory.get("web");
    expect(record).toMatchObject({
      id,
      name: "web",
      imageReference: "busybox",
      createdAtNs: life.nowNs,
      snapshot: id,
      config: { Cmd: ["sh"], Env: ["PATH=/bin"], Hostname: id.slice(0, 12), Labels: { a: "b" } },
      state: { status: "created", exitCode: 0 },
    });
    expect(life.snapshots.keys.get(id)).toBe("layer");
    expect(life.events).toEqual([
      { action: "create", id, attributes: { a: "b", image: "busybox", name: "web" } },
    ]);
  });

  test("invents a name", async () => {
    const id = await life.create();
    expect(life.containers.directory.get(id).record.name).toMatch(/^[a-z]+_[a-z]+\d?$/);
  });

  test("on the host's network the host's name is the container's", async () => {
    const id = await life.create({ HostConfig: { NetworkMode: "host" } });
    expect(life.containers.directory.get(id).record.config.Hostname).toBe(hostname());
  });

  test("shows binds as Docker does", async () => {
    const id = await life.create({ HostConfig: { Binds: ["/tmp:/t:ro"] } });
    expect(life.containers.directory.get(id).record.mounts).toEqual([
      { Type: "bind", Source: "/tmp", Destination: "/t", Mode: "ro", RW: false, Propagation: "rprivate" },
    ]);
  });
});

describe("refusals", () => {
  test("leave nothing behind", async () => {
    await life.create({}, "web");
    expect(await refusal({}, "web")).toStartWith(
      'conflict: Conflict. The container name "/web" is already in use by',
    );
    expect([
      life.snapshots.keys.size,
      life.runtime.known.size,
      life.containers.directory.all().length,
    ]).toEqual([1, 1, 1]);
  });

  test("so does a snapshot that cannot be made; the name is free again", async () => {
    life.snapshots.prepare = () => Promise.reject(new EngineError("exhausted", "no space left"));
    expect(await refusal({}, "web")).toBe("exhausted: no space left");
    expect(life.runtime.known.size).toBe(0);
    Object.assign(life.snapshots, { prepare: Object.getPrototypeOf(life.snapshots).prepare });
    expect(await refusal({}, "web")).toBe("accepted");
  });

  test("of two at once with the same name one wins", async () => {
    const both = await Promise.allSettled([life.create({}, "web"), life.create({}, "web")]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(life.snapshots.keys.size).toBe(1);
  });

  test.each<[ContainerCreateRequest, string]>([
    [{ Image: "nope" }, "notFound: No such image: nope:latest"],
    [{ Env: ["=x"] }, "invalid: invalid environment variable: =x"],
    [{ Env: ["A=\0"] }, "invalid: Env.0 must not contain a NUL character"],
    [
      { WorkingDir: "tmp" },
      "invalid: the working directory 'tmp' is invalid, it needs to be an absolute path",
    ],
    [{ StopSignal: "NOPE" }, "invalid: invalid signal: NOPE"],
    [{ ExposedPorts: { "99999/tcp": {} } }, 'invalid: invalid port specification: "99999/tcp"'],
    [
      { Cmd: ["x".repeat(1_000_000), "y".repeat(1_000_000)] },
      "invalid: the command and the environment take 2000033 bytes: at most 1500000 are possible",
    ],
    [{ Hostname: "h".repeat(65) }, `invalid: hostname "${"h".repeat(65)}" is too long (maximum 64 bytes)`],
    [
      { Healthcheck: { Test: ["CMD", "x"] } },
      "unimplemented: health checks are not available yet: use --no-healthcheck",
    ],
    [
      { Volumes: { "/data": {} } },
      "unimplemented: volumes are not available yet: bind a host path (-v /on/host:/in/container) or use --tmpfs",
    ],
    [
      { HostConfig: { Mounts: [{ Type: "bind", Source: "/nonexistent", Target: "/t" }] } },
      'invalid: invalid mount config for type "bind": bind source path does not exist: /nonexistent',
    ],
    [
      { NetworkingConfig: { EndpointsConfig: { mynet: {} } } },
      'unimplemented: the network "mynet" cannot be joined yet: networks are not available',
    ],
  ])("case %#", async (request, message) => expect(await refusal(request)).toBe(message));

  test("a name that cannot be one", async () => {
    expect(await refusal({}, "a b")).toStartWith("invalid: Invalid container name (a b), only");
  });
});

describe("warnings", () => {
  test("for what the image declares and nobody provides", async () => {
    life.addImage("db", {
      Cmd: ["db"],
      Volumes: { "/var/lib/db": {} },
      Healthcheck: { Test: ["CMD", "ping"] },
    });
    const { Warnings } = await life.backend.create({ Image: "db", HostConfig: { NetworkMode: "none" } }, {});
    expect(Warnings).toEqual([
      expect.stringContaining("The image declares volumes (/var/lib/db)"),
      expect.stringContaining("The image declares a health check"),
    ]);
  });

  test("for another machine's image, which is not found when the platform was named", async () => {
    life.addImage("arm", { Cmd: ["x"] }, "arm64");
    const request = { Image: "arm", HostConfig: { NetworkMode: "none" } };
    const { Warnings } = await life.backend.create(request, {});
    expect(Warnings).toEqual([
      expect.stringContaining("platform (linux/arm64) does not match the detected host platform"),
    ]);
    await expect(life.backend.create(request, { platform: "linux/amd64" })).rejects.toThrow(
      "does not provide the specified platform (linux/amd64)",
    );
  });
});

test("what `-v` names is made at the start, not before", async () => {
  const source = join(life.dataRoot, "made", "here");
  const id = await life.create({ HostConfig: { Binds: [`${source}:/t`] } });
  expect(await Bun.file(source).exists()).toBe(false);
  await life.backend.start(id);
  mkdirSync(join(source, "inside"));
  expect(life.inputs[0]?.mounts).toMatchObject([{ type: "bind", source, target: "/t" }]);
});
