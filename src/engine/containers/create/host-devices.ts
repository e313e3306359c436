/** Finds device nodes of the host with stat(2). */
import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import type { DeviceMapping } from "../../../api/container-config.ts";
import { EngineError, fromUnknown } from "../../../base/errors.ts";
import type { SpecInput } from "../../../runtime/container-runtime.ts";

type Device = SpecInput["devices"][number];

const MOST_DEVICES = 4096;
/** Mounts of the container's own, or nothing that another namespace could use (runc libcontainer/devices). */
const SKIPPED = new Set(["pts", "shm", "fd", "mqueue", "console", ".lxc", ".lxd-mounts", ".udev"]);

/**
 * The nodes that `--device` names; a directory stands for all nodes below it. Throws internal, as Docker does at the start,
 * for one that is not there or no device.
 */
export async function findDevices(mappings: readonly DeviceMapping[]): Promise<Device[]> {
  const found: Device[] = [];
  for (const { PathOnHost = "", PathInContainer = "", CgroupPermissions = "rwm" } of mappings) {
    try {
      const path = await realpath(PathOnHost);
      const isDirectory = (await stat(path)).isDirectory();
      const devices = isDirectory
        ? await walk(path, PathInContainer, CgroupPermissions, new Set())
        : [await readDevice(path, PathInContainer, CgroupPermissions)];
      const nodes = devices.filter((device) => device !== undefined);
      if (nodes.length === 0) throw new EngineError("invalid", "not a device node");
      found.push(...nodes);
    } catch (error) {
      throw new EngineError(
        "internal",
        `error gathering device information while adding custom device "${PathOnHost}": ${reasonOf(error)}`,
      );
    }
  }
  return found;
}

/** Every node of /dev, which `--privileged` shows. */
export function findAllDevices(): Promise<Device[]> {
  return walk("/dev", "/dev", "rwm", SKIPPED);
}

async function walk(
  directory: string,
  target: string,
  access: string,
  skipped: ReadonlySet<string>,
): Promise<Device[]> {
  const found: Device[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (skipped.has(entry.name)) continue;
    const [path, inside] = [join(directory, entry.name), join(target, entry.name)];
    if (entry.isDirectory()) found.push(...(await walk(path, inside, access, skipped)));
    if (entry.isCharacterDevice() || entry.isBlockDevice()) {
      const device = await readDevice(path, inside, access).catch(() => undefined);
      if (device !== undefined) found.push(device);
    }
    if (found.length > MOST_DEVICES) break;
  }
  return found;
}

/** Undefined for anything but a character or block device. */
async function readDevice(path: string, target: string, access: string): Promise<Device | undefined> {
  const info = await lstat(path, { bigint: true });
  if (!info.isCharacterDevice() && !info.isBlockDevice()) return undefined;
  return {
    path: target,
    type: info.isCharacterDevice() ? "c" : "b",
    ...splitDeviceNumber(info.rdev),
    mode: Number(info.mode & 0o777n),
    uid: Number(info.uid),
    gid: Number(info.gid),
    access,
  };
}

/** glibc's gnu_dev_major and gnu_dev_minor: makedev(3). */
export function splitDeviceNumber(device: bigint): { major: number; minor: number } {
  return {
    major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)),
    minor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
  };
}

function reasonOf(error: unknown): string {
  const { details, message } = fromUnknown(error);
  if (details.code === "ENOENT") return "no such file or directory";
  return message;
}
