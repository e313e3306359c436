import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ContainerCreateRequest } from "../api/container-config.ts";
import { parseArguments } from "./arguments.ts";
import { CONTAINER_FLAGS } from "./container-flags.ts";
import { containerRequest } from "./container-request.ts";
import { CliFailure } from "./failure.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-request-"));
beforeAll(() => {
  writeFileSync(join(directory, "env"), "\uFEFF# comment\r\nA=1\r\n  HOME\nUNSET\n\nB= x y\n");
  writeFileSync(join(directory, "broken"), "A B=1\n");
  writeFileSync(join(directory, "seccomp"), '{ "defaultAction" : "SCMP_ACT_ALLOW" }\n');
});
afterAll(() => rmSync(directory, { recursive: true }));

const SYNTAX = {
  flags: CONTAINER_FLAGS,
  positionals: [1, Number.POSITIVE_INFINITY],
  stopAtPositional: true,
} as const;

function request(...words: readonly string[]): ContainerCreateRequest {
  const { flags, positionals } = parseArguments(SYNTAX, [...words, "image"]);
  const caller = { environment: { HOME: "/home/me" }, workingDirectory: () => "/at" };
  return containerRequest(flags, positionals, caller);
}

const hostConfig = (...words: readonly string[]) => request(...words).HostConfig ?? {};

describe("the container's own half", () => {
  const attached = { AttachStdin: false, AttachStdout: true, AttachStderr: true, StdinOnce: false };
  const cases: readonly (readonly [string, ContainerCreateRequest])[] = [
    ["", { ...attached, Image: "image", Cmd: null, Entrypoint: null, Env: [], Labels: {} }],
    ["-i", { ...attached, AttachStdin: true, OpenStdin: true, StdinOnce: true }],
    ["-a stdout", { ...attached, AttachStderr: false }],
    ["-i -a stderr", { AttachStdin: true, AttachStdout: false, AttachStderr: true, StdinOnce: true }],
    [
      "-h host --domainname d -u 1:2 -w /w",
      { Hostname: "host", Domainname: "d", User: "1:2", WorkingDir: "/w" },
    ],
    ["-e A=1 -e HOME -e UNSET -e B=", { Env: ["A=1", "HOME=/home/me", "UNSET", "B="] }],
    [`--env-file ${directory}/env -e A=2`, { Env: ["A=1", "HOME=/home/me", "B= x y", "A=2"] }],
    [
      `-l a=b -l c -l a=d --label-file ${directory}/env`,
      { Labels: { A: "1", HOME: "", UNSET: "", B: " x y", a: "d", c: "" } },
    ],
    ["--entrypoint sh", { Entrypoint: ["sh"] }],
    ["--entrypoint=", { Entrypoint: [""] }],
    ["--stop-signal INT --stop-timeout 0", { StopSignal: "INT", StopTimeout: 0 }],
    ["-v /anonymous -v /a:/b", { Volumes: { "/anonymous": {} } }],
    [
      "--expose 5 --expose 6-7/udp -p 80:80",
      { ExposedPorts: { "5/tcp": {}, "6/udp": {}, "7/udp": {}, "80/tcp": {} } },
    ],
    ["--no-healthcheck", { Healthcheck: { Test: ["NONE"] } }],
    ["--health-cmd x --health-interval 1m30s", { Healthcheck: { Test: ["CMD-SHELL", "x"], Interval: 90e9 } }],
  ];
  test.each(cases)("%s", (line, expected) => {
    expect(request(...line.split(" ").filter((word) => word !== ""))).toMatchObject(expected);
  });

  test("words behind the image are the command", () => {
    const { flags, positionals } = parseArguments(SYNTAX, ["image", "sh", "-c", "--rm"]);
    const { Image, Cmd } = containerRequest(flags, positionals, {
      environment: {},
      workingDirectory: () => "/",
    });
    expect({ Image, Cmd }).toEqual({ Image: "image", Cmd: ["sh", "-c", "--rm"] });
  });
});

describe("the host's half", () => {
  const cases: readonly (readonly [string, ReturnType<typeof hostConfig>])[] = [
    [
      "--rm --init=false --privileged --read-only",
      { AutoRemove: true, Init: false, Privileged: true, ReadonlyRootfs: true },
    ],
    ["-m 64m --memory-swap -1 --shm-size 1k", { Memory: 64 << 20, MemorySwap: -1, ShmSize: 1024 }],
    ["--cpus 1.5 -c 7 --pids-limit -1", { NanoCpus: 1.5e9, CpuShares: 7, PidsLimit: -1 }],
    ["--cpus 1/4", { NanoCpus: 25e7 }],
    [
      "--ulimit nofile=1:2 --ulimit core=0 --ulimit nofile=5",
      {
        Ulimits: [
          { Name: "nofile", Soft: 5, Hard: 5 },
          { Name: "core", Soft: 0, Hard: 0 },
        ],
      },
    ],
    [
      "--device /dev/a --device /dev/b:/c:r --device /dev/d:rw",
      {
        Devices: [
          { PathOnHost: "/dev/a", PathInContainer: "/dev/a", CgroupPermissions: "rwm" },
          { PathOnHost: "/dev/b", PathInContainer: "/c", CgroupPermissions: "r" },
          { PathOnHost: "/dev/d", PathInContainer: "/dev/d", CgroupPermissions: "rw" },
        ],
      },
    ],
    [
      "--gpus all",
      { DeviceRequests: [{ Driver: "", Count: -1, DeviceIDs: null, Capabilities: [["gpu"]], Options: {} }] },
    ],
    ["-v /a:/b:ro -v ./c:/d -v ../e:/f -v name:/g", { Binds: ["/a:/b:ro", "/at/c:/d", "/e:/f", "name:/g"] }],
    [
      "--mount type=bind,src=./a,dst=/b,ro",
      { Mounts: [{ Type: "bind", Source: "/at/a", Target: "/b", ReadOnly: true }] },
    ],
    ["--tmpfs /t --tmpfs /u:size=1m,ro", { Tmpfs: { "/t": "", "/u": "size=1m,ro" } }],
    [
      "--sysctl net.core.somaxconn=5 --annotation a=b=c",
      { Sysctls: { "net.core.somaxconn": "5" }, Annotations: { a: "b=c" } },
    ],
    [
      "--security-opt no-new-privileges --security-opt systempaths=unconfined",
      {
        SecurityOpt: ["no-new-privileges"],
        MaskedPaths: [],
        ReadonlyPaths: [],
      },
    ],
    [
      `--security-opt seccomp=${directory}/seccomp`,
      { SecurityOpt: ['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}'] },
    ],
    [
      "--log-driver json-file --log-opt max-size=1m",
      { LogConfig: { Type: "json-file", Config: { "max-size": "1m" } } },
    ],
    ["--restart on-failure:3", { RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 } }],
    [
      "-p 8080:80 -p 127.0.0.1:53:53/udp",
      {
        PortBindings: {
          "80/tcp": [{ HostIp: "", HostPort: "8080" }],
          "53/udp": [{ HostIp: "127.0.0.1", HostPort: "53" }],
        },
      },
    ],
    ["--network none", { NetworkMode: "none" }],
    ["--net host", { NetworkMode: "host" }],
  ];
  test.each(cases)("%s", (line, expected) => {
    expect(hostConfig(...line.split(" "))).toMatchObject(expected);
  });

  test("nothing is sent that was not asked for", () => {
    expect(JSON.parse(JSON.stringify(hostConfig()))).toEqual({ NetworkMode: "default" });
    expect(request().NetworkingConfig).toBeUndefined();
  });
});

describe("endpoints", () => {
  test("the older flags speak of the first network", () => {
    const line = "--network mine --network-alias a --ip 10.0.0.5 --link c:d --mac-address 02:42:ac:11:00:02";
    expect(request(...line.split(" ")).NetworkingConfig).toEqual({
      EndpointsConfig: {
        mine: {
          Aliases: ["a"],
          Links: ["c:d"],
          IPAMConfig: { IPv4Address: "10.0.0.5", IPv6Address: undefined, LinkLocalIPs: [] },
          MacAddress: "02:42:ac:11:00:02",
        },
      },
    });
  });

  test("of several each has an endpoint", () => {
    const { NetworkingConfig, HostConfig } = request("--network", "name=a,alias=x", "--network", "b");
    expect(NetworkingConfig).toEqual({ EndpointsConfig: { a: { Aliases: ["x"] }, b: {} } });
    expect(HostConfig?.NetworkMode).toBe("a");
  });
});

describe("what could not be asked", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["--rm --restart always", "conflicting options: cannot specify both --restart and --rm"],
    ["--memory-swappiness 101", "Valid memory swappiness range is 0-100"],
    ["--no-healthcheck --health-cmd x", "--no-healthcheck conflicts with --health-* options"],
    ["--health-interval -1s", "--health-interval cannot be negative"],
    ["--log-driver none --log-opt a=b", "invalid logging opts for driver none"],
    ["--storage-opt a", "invalid storage option"],
    ["--pid nonsense", "--pid: invalid PID mode"],
    ["--device x:y:z:a", "bad format for path: x:y:z:a"],
    ["-v /a:/b:/c:d", "invalid spec: /a:/b:/c:d: too many colons"],
    ["--env-file /nonexistent", "open /nonexistent: no such file or directory"],
    [`--env-file ${directory}/broken`, "variable 'A B' contains whitespaces"],
    ["--security-opt nonsense", 'Invalid --security-opt: "nonsense"'],
    ["--security-opt seccomp=/nonexistent", "opening seccomp profile (/nonexistent) failed"],
    ["--network-alias a", "network-scoped aliases are only supported for user-defined networks"],
    ["--network a --network none", "cannot attach both user-defined and non-user-defined network-modes"],
    ["--network a --network a", 'network "a" is specified multiple times'],
    [
      "--network name=a,alias=b --network-alias c",
      "cannot specify both --network-alias and per-network alias",
    ],
    ["--mac-address x", "x is not a valid mac address"],
    ["-p 1-3:1-2", "invalid ranges specified for container and host Ports: 1-2 and 1-3"],
  ];
  test.each(cases)("%s", (line, message) => {
    const failure = (() => {
      try {
        return request(...line.split(" "));
      } catch (error) {
        return error;
      }
    })();
    expect(failure).toBeInstanceOf(CliFailure);
    expect(failure).toMatchObject({
      style: "hint",
      exitCode: 125,
      message: expect.stringContaining(message),
    });
  });
});
