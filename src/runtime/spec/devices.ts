import { EngineError } from "../../base/errors.ts";
import type { OciDevice, OciDeviceRule } from "../../oci/runtime-config.ts";
import type { SpecInput } from "../container-runtime.ts";

const character = (path: string, major: number, minor: number): OciDevice => ({
  path,
  type: "c",
  major,
  minor,
  fileMode: 0o666,
  uid: 0,
  gid: 0,
});

/** The nodes that the OCI specification promises to every container (config-linux.md, Default Devices). */
const DEFAULT_DEVICES: readonly OciDevice[] = [
  character("/dev/null", 1, 3),
  character("/dev/zero", 1, 5),
  character("/dev/full", 1, 7),
  character("/dev/random", 1, 8),
  character("/dev/urandom", 1, 9),
  character("/dev/tty", 5, 0),
];

const rule = (type: "c" | "b", major?: number, minor?: number, access = "rwm"): OciDeviceRule => ({
  allow: true,
  type,
  ...(major === undefined ? {} : { major }),
  ...(minor === undefined ? {} : { minor }),
  access,
});

const DENY_ALL: OciDeviceRule = { allow: false, type: "a", access: "rwm" };
const ALLOW_ALL: OciDeviceRule = { allow: true, type: "a", access: "rwm" };

/** Nodes of any device may be made, which harms nobody; opened may be only these (as runc allows). */
export const DEFAULT_DEVICE_RULES: readonly OciDeviceRule[] = [
  DENY_ALL,
  rule("c", undefined, undefined, "m"),
  rule("b", undefined, undefined, "m"),
  rule("c", 1, 3),
  rule("c", 1, 5),
  rule("c", 1, 7),
  rule("c", 1, 8),
  rule("c", 1, 9),
  rule("c", 5, 0),
  // /dev/ptmx and the terminals that it makes (major 136: Unix98 pty slaves), /dev/console.
  rule("c", 5, 2),
  rule("c", 136),
  rule("c", 5, 1),
];

/** `--device-cgroup-rule`: type, major:minor with `*` for any, access. */
const CGROUP_RULE = /^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$/;

function parseCgroupRule(text: string): OciDeviceRule {
  const match = CGROUP_RULE.exec(text);
  const [, type, major = "", minor = "", access] = match ?? [];
  // Device numbers have 12 and 20 bits (linux/kdev_t.h); more digits than that name no device.
  if (match === null || Number(major) > 0xfff || Number(minor) > 0xfffff) {
    throw new EngineError("invalid", `invalid device cgroup rule format: '${text}'`);
  }
  return {
    allow: true,
    type: type as "a" | "b" | "c",
    ...(major === "*" ? {} : { major: Number(major) }),
    ...(minor === "*" ? {} : { minor: Number(minor) }),
    access: access ?? "rwm",
  };
}

/** What a bind of the whole /dev would also not bring: these are the container's own (containerd leaves them out too). */
const NOT_FROM_HOST =
  /^\/dev\/(pts|shm|fd|mqueue|\.lxc|\.lxd-mounts|\.udev)(\/|$)|^\/dev\/(console|ptmx|core)$/;

function toOciDevice(device: SpecInput["devices"][number]): OciDevice {
  const { path, type, major, minor, mode, uid, gid } = device;
  return { path, type, major, minor, fileMode: mode & 0o7777, uid, gid };
}

/** The nodes to make, each path once; a `--device` replaces a default of the same path. */
export function devicesOf({ hostConfig, devices, hostDevices }: SpecInput): OciDevice[] {
  const fromHost = hostConfig.Privileged === true ? hostDevices : [];
  const byPath = new Map<string, OciDevice>();
  for (const device of DEFAULT_DEVICES) byPath.set(device.path, device);
  for (const device of fromHost) {
    if (!NOT_FROM_HOST.test(device.path)) byPath.set(device.path, toOciDevice(device));
  }
  for (const device of devices) byPath.set(device.path, toOciDevice(device));
  return [...byPath.values()];
}

/** What may be opened: rules in order, a later one overrides an earlier. */
export function deviceRulesOf({ hostConfig, devices }: SpecInput): OciDeviceRule[] {
  if (hostConfig.Privileged === true) return [ALLOW_ALL];
  return [
    ...DEFAULT_DEVICE_RULES,
    ...devices.map(({ type, major, minor, access }) => rule(type, major, minor, access)),
    ...(hostConfig.DeviceCgroupRules ?? []).map(parseCgroupRule),
  ];
}
