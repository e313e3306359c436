import { describe, expect, test } from "bun:test";
import { EngineError } from "../../../base/errors.ts";
import type { ExecId } from "../../../base/ids.ts";
import { containerPaths } from "../container-files.ts";
import type { ContainerRecord } from "../container-record.ts";
import {
  containerRecord,
  FixedContainer,
  FixedDirectory,
  SECOND_NS,
  STOPPED,
} from "../testing/fixed-directory.ts";
import { fixedImages, storedImage } from "../testing/fixed-images.ts";
import { createInspect } from "./inspect.ts";
import { commandOf } from "./inspect-command.ts";

function inspect(record: ContainerRecord, size = false, container = new FixedContainer(record)) {
  return createInspect({
    directory: new FixedDirectory(container),
    images: fixedImages(storedImage("1", ["busybox:latest"], [], 4000)),
    snapshots: {
      driver: "overlay",
      root: async (key) => {
        if (key === "gone") throw new EngineError("notFound", "no such snapshot");
        return { lowerDirs: ["/l/2", "/l/1"], upperDir: "/u", workDir: "/w" };
      },
      usage: async () => 5,
    },
    pathsOf: (id) => containerPaths("/data", id),
  })(record.name, { size });
}

describe("inspect", () => {
  test("a container that never ran", async () => {
    const record = containerRecord(1, {
      config: { Entrypoint: ["/e", "x"], Cmd: ["y"], Env: ["A=b"], StopTimeout: 0 },
    });
    const view = await inspect(record);
    expect(view).toMatchObject({
      Id: record.id,
      Created: "1970-01-01T00:00:01Z",
      Path: "/e",
      Args: ["x", "y"],
      Image: record.imageId,
      LogPath: `/data/containers/${record.id}/${record.id}-json.log`,
      HostsPath: `/data/containers/${record.id}/hosts`,
      Name: "/name1",
      Driver: "overlay",
      Platform: "linux",
      ExecIDs: null,
      GraphDriver: {
        Name: "overlay",
        Data: { ID: record.id, LowerDir: "/l/2:/l/1", UpperDir: "/u", WorkDir: "/w" },
      },
      Mounts: [],
    });
    expect(view.State).toEqual({
      Status: "created",
      Running: false,
      Paused: false,
      Restarting: false,
      OOMKilled: false,
      Dead: false,
      Pid: 0,
      ExitCode: 0,
      Error: "",
      StartedAt: "0001-01-01T00:00:00Z",
      FinishedAt: "0001-01-01T00:00:00Z",
    });
    expect(view.Config).toEqual({
      Hostname: "",
      Domainname: "",
      User: "",
      AttachStdin: false,
      AttachStdout: false,
      AttachStderr: false,
      Tty: false,
      OpenStdin: false,
      StdinOnce: false,
      Env: ["A=b"],
      Cmd: ["y"],
      Image: "busybox:latest",
      Volumes: null,
      WorkingDir: "",
      Entrypoint: ["/e", "x"],
      OnBuild: null,
      Labels: {},
      StopTimeout: 0,
    });
    expect(view).not.toHaveProperty("SizeRw");
    expect(view.State).not.toHaveProperty("Health");
  });

  test("one that runs, with sizes and execs", async () => {
    const state = { ...STOPPED, status: "paused", pid: 77, startedAtNs: 2n * SECOND_NS + 1n } as const;
    const container = new FixedContainer(containerRecord(1, { state }));
    for (const [id, status] of [
      ["a", "exited"],
      ["b", "running"],
      ["c", "created"],
    ] as const) {
      const session = {
        id: id as ExecId,
        containerId: container.id,
        request: {},
        status,
        process: undefined,
        exitCode: undefined,
        ended: Promise.withResolvers<void>(),
      };
      container.execs.set(session.id, session);
    }
    const view = await inspect(container.record, true, container);
    expect(view.State).toMatchObject({
      Running: true,
      Paused: true,
      Pid: 77,
      StartedAt: "1970-01-01T00:00:02.000000001Z",
    });
    expect(view.ExecIDs).toEqual(["b", "c"]);
    expect([view.SizeRw, view.SizeRootFs]).toEqual([5, 4005]);
    expect(view.GraphDriver.Data?.MergedDir).toBe("/proc/77/root");
  });

  test("what Go leaves out when it is empty is left out, what it prints is printed", async () => {
    const hostConfig = {
      NetworkMode: "host",
      Binds: null,
      Memory: 0,
      Init: false,
      Tmpfs: {},
      Mounts: null,
      Sysctls: { a: "1" },
    };
    const view = await inspect(
      containerRecord(1, { hostConfig, config: { Cmd: "one word", Healthcheck: null } }),
    );
    expect(view.HostConfig).toEqual({
      NetworkMode: "host",
      Binds: null,
      Memory: 0,
      Init: false,
      Sysctls: { a: "1" },
    });
    expect(view.Config).not.toHaveProperty("Healthcheck");
    expect(view.Path).toBe("one word");
    expect(Object.keys(view.NetworkSettings.Networks)).toEqual(["host"]);
  });

  test("a container without a log or whose layers are gone", async () => {
    const view = await inspect(
      containerRecord(1, { hostConfig: { LogConfig: { Type: "none" } }, snapshot: "gone" }),
    );
    expect(view.LogPath).toBe("");
    expect(view.GraphDriver.Data).toBeNull();
  });

  test.each([
    [{}, "", []],
    [{ Cmd: ["a", "b"] }, "a", ["b"]],
    [{ Entrypoint: [], Cmd: ["a"] }, "a", []],
    [{ Entrypoint: "a b", Cmd: null }, "a b", []],
  ])("%j runs", (config, path, args) => {
    expect(commandOf(config)).toEqual({ path, args });
  });
});
