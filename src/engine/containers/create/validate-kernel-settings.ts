/** Checks what is handed to the kernel by name: sysctls, resource limits, devices. */
import { posix } from "node:path";
import type { DeviceMapping, HostConfig, Ulimit } from "../../../api/container-config.ts";
import { EngineError } from "../../../base/errors.ts";
import { sharedContainer } from "./validate-namespaces.ts";

const IPC_SYSCTLS = new Set(
  "msgmax msgmnb msgmni sem shmall shmmax shmmni shm_rmid_forced".split(" ").map((name) => `kernel/${name}`),
);
const UTS_SYSCTLS = new Set(["kernel/domainname"]);

/**
 * Lets only those sysctls through that belong to a namespace of the container's own: any other would change the host
 * (the list of opencontainers/runc libcontainer/configs/validate, which Docker leaves it to). Throws invalid.
 */
export function validateSysctls(host: HostConfig): void {
  for (const key of Object.keys(host.Sysctls ?? {})) {
    const path = sysctlPath(key);
    if (IPC_SYSCTLS.has(path) || path.startsWith("fs/mqueue/")) {
      if (host.IpcMode === "host" || sharedContainer(host.IpcMode) !== undefined) refuseSysctl(key, "ipc");
    } else if (path.startsWith("net/")) {
      if (host.NetworkMode === "host") refuseSysctl(key, "network");
    } else if (UTS_SYSCTLS.has(path)) {
      if (host.UTSMode === "host") refuseSysctl(key, "uts");
    } else {
      throw invalid(`sysctl "${key}" is not in a separate kernel namespace`);
    }
  }
}

/**
 * `net.ipv4.ip_forward` as a path below /proc/sys. As for sysctl(8) the first separator decides what separates; the other
 * one then is part of a name (`net/ipv4/conf/eth0.1/forwarding`, `net.ipv4.conf.eth0/1.forwarding`).
 */
export function sysctlPath(key: string): string {
  if (!/^[\w@:-]+([./][\w@:-]+)+$/.test(key)) throw invalid(`sysctl "${key}" is not a name of a sysctl`);
  if (/[./]/.exec(key)?.[0] === "/") return key;
  return key.replace(/[./]/g, (separator) => (separator === "." ? "/" : "."));
}

function refuseSysctl(key: string, namespace: string): never {
  throw invalid(
    `sysctl "${key}" not allowed in ${namespace === "network" ? "host network" : `a shared ${namespace}`} namespace`,
  );
}

const ULIMITS = new Set(
  "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(
    " ",
  ),
);

/** Throws invalid (docker/go-units ulimit.go). -1 stands for unlimited. */
export function validateUlimits(ulimits: readonly Ulimit[]): void {
  const seen = new Set<string>();
  for (const { Name = "", Soft = 0, Hard = 0 } of ulimits) {
    if (!ULIMITS.has(Name)) throw invalid(`invalid ulimit type: ${Name}`);
    if (seen.has(Name)) throw invalid(`the ulimit ${Name} is given twice`);
    seen.add(Name);
    if (Soft < -1 || Hard < -1) throw invalid(`invalid ulimit ${Name}: ${Soft}:${Hard}`);
    if (Hard !== -1 && (Soft > Hard || Soft === -1)) {
      const soft = Soft === -1 ? "-1 (unlimited)" : Soft;
      throw invalid(
        `ulimit soft limit must be less than or equal to hard limit: soft: ${soft}, hard: ${Hard}`,
      );
    }
  }
}

/** Fills in what `--device /dev/x` leaves open. Throws invalid. */
export function normalizeDevices(devices: readonly DeviceMapping[]): Required<DeviceMapping>[] {
  return devices.map(({ PathOnHost = "", PathInContainer = "", CgroupPermissions = "" }) => {
    if (!PathOnHost.startsWith("/")) throw invalid(`invalid device "${PathOnHost}": give an absolute path`);
    const target = PathInContainer || PathOnHost;
    if (!target.startsWith("/")) throw invalid(`invalid device path in the container: "${target}"`);
    if (!/^[rwm]{0,3}$/.test(CgroupPermissions)) {
      throw invalid(`invalid device mode: ${CgroupPermissions} (of r, w and m)`);
    }
    return {
      PathOnHost: posix.normalize(PathOnHost),
      PathInContainer: posix.normalize(target),
      CgroupPermissions: CgroupPermissions || "rwm",
    };
  });
}

function invalid(message: string): EngineError {
  return new EngineError("invalid", message);
}
