import { describe, expect, test } from "bun:test";
import type { ResolvedMount, SpecInput } from "../container-runtime.ts";
import { mountsOf } from "./mounts.ts";
import { specInput } from "./spec-fixture.ts";

const bind = (target: string, over: object = {}): ResolvedMount => ({
  ...{ type: "bind", source: "/src", target, readOnly: false, readOnlyRecursive: false, recursive: true },
  propagation: "rprivate",
  ...over,
});
const lines = (over: Partial<SpecInput> = {}) =>
  mountsOf(specInput(over)).map(
    ({ destination, type, source, options }) => `${destination} ${type} ${source} ${options}`,
  );
const line = (destination: string, over: Partial<SpecInput> = {}) =>
  lines(over).filter((each) => each.startsWith(`${destination} `));

describe("mountsOf", () => {
  test("Docker's defaults", () => {
    expect(lines()).toEqual([
      "/proc proc proc nosuid,noexec,nodev",
      "/dev tmpfs tmpfs nosuid,strictatime,mode=755,size=65536k",
      "/dev/pts devpts devpts nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5",
      "/sys sysfs sysfs nosuid,noexec,nodev,ro",
      "/sys/fs/cgroup cgroup cgroup ro,nosuid,noexec,nodev",
      "/dev/mqueue mqueue mqueue nosuid,noexec,nodev",
      "/dev/shm tmpfs shm nosuid,noexec,nodev,mode=1777,size=67108864",
      "/etc/resolv.conf bind /d/resolv.conf rbind,rprivate",
      "/etc/hostname bind /d/hostname rbind,rprivate",
      "/etc/hosts bind /d/hosts rbind,rprivate",
    ]);
  });

  test("the user's mounts by depth, outer before inner", () => {
    const mounts = [bind("/a/b/c"), bind("/a"), bind("/a/b")];
    expect(
      lines({ mounts })
        .slice(7)
        .map((each) => each.split(" ")[0]),
    ).toEqual([...["/a", "/a/b", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts", "/a/b/c"]]);
  });

  test("a mount of the user replaces what would be there", () => {
    expect(line("/etc/hosts", { mounts: [bind("/etc/hosts")] })).toEqual([
      "/etc/hosts bind /src rbind,rprivate",
    ]);
    expect(line("/dev/shm", { mounts: [bind("/dev/shm")] })).toEqual(["/dev/shm bind /src rbind,rprivate"]);
    expect(lines({ mounts: [bind("/dev")] }).filter((each) => each.startsWith("/dev"))).toEqual([
      "/dev bind /src rbind,rprivate",
    ]);
  });

  test("access and recursion of a bind", () => {
    const of = (over: object) => line("/m", { mounts: [bind("/m", over)] })[0];
    expect(of({ readOnly: true })).toBe("/m bind /src rbind,ro,rprivate");
    expect(of({ readOnly: true, readOnlyRecursive: true })).toBe("/m bind /src rbind,rro,rprivate");
    expect(of({ recursive: false, propagation: "shared" })).toBe("/m bind /src bind,shared");
  });

  test("tmpfs: safe unless the options say otherwise", () => {
    const of = (options: string[]) => line("/t", { mounts: [{ type: "tmpfs", target: "/t", options }] })[0];
    expect(of([])).toBe("/t tmpfs tmpfs noexec,nosuid,nodev");
    expect(of(["exec", "size=64m", "size=1m", "rprivate"])).toBe("/t tmpfs tmpfs nosuid,nodev,exec,size=1m");
    expect(() => of(["rshared"])).toThrow("not implemented");
    expect(line("/t", { hostConfig: { Tmpfs: { "/t": "mode=700" } } })).toEqual([
      "/t tmpfs tmpfs noexec,nosuid,nodev,mode=700",
    ]);
    const both = {
      mounts: [{ type: "tmpfs", target: "/t", options: [] } as const],
      hostConfig: { Tmpfs: { "/t": "" } },
    };
    expect(line("/t", both)).toHaveLength(1);
  });

  test("IPC modes and the size of /dev/shm", () => {
    expect(line("/dev/shm", { hostConfig: { IpcMode: "none" } })).toEqual([]);
    expect(line("/dev/shm", { hostConfig: { IpcMode: "host" } })).toEqual([
      "/dev/shm bind /dev/shm rbind,rprivate",
    ]);
    expect(line("/dev/shm", { hostConfig: { ShmSize: 4096 } })[0]).toEndWith("size=4096");
    expect(() => lines({ hostConfig: { IpcMode: "container:x" } })).toThrow("not implemented");
  });

  test("a read-only root locks the engine's files, a privileged container opens /sys", () => {
    expect(line("/etc/hosts", { hostConfig: { ReadonlyRootfs: true } })[0]).toBe(
      "/etc/hosts bind /d/hosts rbind,ro,rprivate",
    );
    expect(line("/dev/shm", { hostConfig: { ReadonlyRootfs: true } })[0]).not.toContain("ro,");
    expect(line("/sys", { hostConfig: { Privileged: true } })[0]).toBe(
      "/sys sysfs sysfs nosuid,noexec,nodev",
    );
    expect(line("/sys/fs/cgroup", { hostConfig: { Privileged: true } })[0]).toBe(
      "/sys/fs/cgroup cgroup cgroup nosuid,noexec,nodev",
    );
  });
});
