import { describe, expect, test } from "bun:test";
import type { ContainerConfig, HostConfig } from "../../api/container-config.ts";
import type { SpecInput } from "../container-runtime.ts";
import { buildRuntimeConfig, cgroupsPathOf } from "./build-runtime-config.ts";
import { mergeEnvironment } from "./process.ts";
import { specInput, TEST_ID, V1_MACHINE, V2_MACHINE } from "./spec-fixture.ts";
import { sysctlPath } from "./sysctls.ts";

const build = (hostConfig: HostConfig, over: Partial<SpecInput> = {}, machine = V1_MACHINE) =>
  buildRuntimeConfig(specInput({ hostConfig, ...over }), machine);
const types = (hostConfig: HostConfig, over: Partial<SpecInput> = {}, machine = V1_MACHINE) =>
  build(hostConfig, over, machine).linux.namespaces.map(({ type, path }) =>
    path === undefined ? type : `${type}=${path}`,
  );

describe("namespaces", () => {
  test("defaults: a cgroup namespace on v2 only", () => {
    expect(types({})).toEqual(["mount", "network", "uts", "pid", "ipc"]);
    expect(types({}, {}, V2_MACHINE)).toEqual(["mount", "network", "uts", "pid", "ipc", "cgroup"]);
    expect(types({ CgroupnsMode: "private" })).toContain("cgroup");
    expect(types({ CgroupnsMode: "host" }, {}, V2_MACHINE)).not.toContain("cgroup");
  });

  test("the host's, and other containers'", () => {
    expect(types({ NetworkMode: "host", PidMode: "host", IpcMode: "host", UTSMode: "host" })).toEqual([
      "mount",
    ]);
    expect(
      types({ NetworkMode: "container:x", PidMode: "container:y" }, { sharedWith: { network: 7, pid: 8 } }),
    ).toEqual([...["mount", "network=/proc/7/ns/net", "uts", "pid=/proc/8/ns/pid", "ipc"]]);
    expect(types({ NetworkMode: "host" }, { config: { Cmd: ["x"], NetworkDisabled: true } })).toContain(
      "network",
    );
    expect(build({ UTSMode: "host" }).hostname).toBeUndefined();
  });

  test("refusals in Docker's words", () => {
    expect(() => types({ PidMode: "x" })).toThrow("invalid PID mode: x");
    expect(() => types({ IpcMode: "x" })).toThrow("invalid IPC mode: x");
    expect(() => types({ UTSMode: "x" })).toThrow("invalid UTS mode: x");
    expect(() => types({ CgroupnsMode: "x" })).toThrow("invalid cgroup namespace mode: x");
  });
});

describe("process", () => {
  const process = (config: ContainerConfig) => build({}, { config }).process;

  test("entrypoint, command and environment in Docker's order", () => {
    const { args, env, cwd } = process({
      ...{ Hostname: "box", Tty: true, Entrypoint: ["/e"], Cmd: ["c"], WorkingDir: "/w" },
      Env: ["A=1", "PATH=/p", "TERM"],
    });
    expect(args).toEqual(["/e", "c"]);
    expect(env).toEqual(["PATH=/p", "HOSTNAME=box", "A=1"]);
    expect(cwd).toBe("/w");
    expect(process({ Cmd: "one", Tty: true }).env).toContain("TERM=xterm");
    expect(process({ Cmd: "one word" })).toMatchObject({ args: ["one word"], cwd: "/" });
  });

  test("refusals", () => {
    expect(() => process({})).toThrow("no command specified");
    expect(() => process({ Cmd: ["a\0b"] })).toThrow("NUL");
    expect(() => process({ Cmd: ["a"], Env: ["A=\0"] })).toThrow("NUL");
  });

  test("mergeEnvironment keeps places", () => {
    expect(mergeEnvironment(["A=1", "B=2"], ["B=3", "C=4", "A"])).toEqual(["B=3", "C=4"]);
  });
});

describe("security", () => {
  test("masked and read-only paths", () => {
    const { maskedPaths, readonlyPaths } = build({}).linux;
    expect(maskedPaths).toContain("/proc/interrupts");
    expect(maskedPaths).toContain("/sys/devices/virtual/powercap");
    expect(readonlyPaths).toEqual(["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]);
    expect(build({ Privileged: true }).linux).toMatchObject({ maskedPaths: [], readonlyPaths: [] });
    expect(build({ MaskedPaths: [], ReadonlyPaths: ["/x"] }).linux).toMatchObject({
      maskedPaths: [],
      readonlyPaths: ["/x"],
    });
    const hot = { ...V1_MACHINE, thermalThrottlePaths: ["/sys/devices/system/cpu/cpu0/thermal_throttle"] };
    expect(build({}, {}, hot).linux.maskedPaths.at(-1)).toContain("thermal_throttle");
  });

  test("the filter", () => {
    expect(build({}).linux.seccomp?.defaultAction).toBe("SCMP_ACT_ERRNO");
    expect(build({}).linux.seccomp).toBe(build({ CapAdd: ["NET_ADMIN"] }).linux.seccomp);
    expect(build({ CapAdd: ["SYS_ADMIN"] }).linux.seccomp).not.toBe(build({}).linux.seccomp);
    expect(build({ Privileged: true }).linux.seccomp).toBeUndefined();
    expect(build({ SecurityOpt: ["seccomp=unconfined"] }).linux.seccomp).toBeUndefined();
    expect(build({}, { seccompProfile: null }).linux.seccomp).toBeUndefined();
    expect(
      build({ Privileged: true }, { seccompProfile: { defaultAction: "SCMP_ACT_ALLOW" } }).linux.seccomp
        ?.defaultAction,
    ).toBe("SCMP_ACT_ALLOW");
  });

  test("--security-opt", () => {
    const nnp = (option: string) => build({ SecurityOpt: [option] }).process.noNewPrivileges;
    expect([nnp("no-new-privileges"), nnp("no-new-privileges:true"), nnp("no-new-privileges=false")]).toEqual(
      [true, true, false],
    );
    expect(nnp("label=disable")).toBe(false);
    expect(() => nnp("wings")).toThrow('invalid --security-opt 1: "wings"');
    expect(() => nnp("wings=1")).toThrow('invalid --security-opt 2: "wings=1"');
    const apparmor = { ...V1_MACHINE, apparmor: true };
    expect(() => build({ SecurityOpt: ["apparmor=mine"] }, {}, apparmor)).toThrow("not implemented");
    expect(build({ SecurityOpt: ["apparmor=mine"] }).process.noNewPrivileges).toBe(false);
  });
});

describe("sysctls", () => {
  const of = (Sysctls: Record<string, string>, more: HostConfig = {}) =>
    build({ Sysctls, ...more }).linux.sysctl;

  test("defaults for an own network, the request's over them", () => {
    expect(of({ "net.ipv4.ping_group_range": "1 0" })).toEqual({
      "net.ipv4.ip_unprivileged_port_start": "0",
      "net.ipv4.ping_group_range": "1 0",
    });
    expect(of({}, { NetworkMode: "host" })).toEqual({});
  });

  test("only what a namespace of the container's own has", () => {
    expect(of({ "kernel.shmmax": "1", "fs.mqueue.msg_max": "2" })).toMatchObject({ "kernel.shmmax": "1" });
    expect(() => of({ "kernel.shmmax": "1" }, { IpcMode: "host" })).toThrow(
      'sysctl "kernel.shmmax" is not allowed in the hosts ipc namespace',
    );
    expect(() => of({ "net.core.somaxconn": "1" }, { NetworkMode: "host" })).toThrow(
      'sysctl "net.core.somaxconn" not allowed in host network namespace',
    );
    expect(() => of({ "kernel.panic": "1" })).toThrow(
      'sysctl "kernel.panic" is not in a separate kernel namespace',
    );
    expect(() => of({ "kernel.hostname": "x" })).toThrow("conflicts with the OCI");
  });

  test("a name cannot climb out of its part of /proc/sys", () => {
    for (const name of ["net/../kernel/panic", "net.//.kernel.panic", "net..ipv4", "net././x", "net.a b"]) {
      expect(() => of({ [name]: "1" })).toThrow("not a name below /proc/sys");
    }
    expect(sysctlPath("net.ipv4.conf.eth0/5.forwarding")).toBe("net/ipv4/conf/eth0.5/forwarding");
    expect(sysctlPath("net/ipv4/conf/eth0.5/forwarding")).toBe("net/ipv4/conf/eth0.5/forwarding");
  });
});

test("the cgroup's path", () => {
  expect(build({}).linux.cgroupsPath).toBe(`/berth/${TEST_ID}`);
  expect(cgroupsPathOf("a//b/", "x")).toBe("/a/b/x");
  expect(() => cgroupsPathOf("/a/../../b", "x")).toThrow("invalid cgroup parent");
});
