import type { ContainerConfig } from "../../api/container-config.ts";
import { EngineError, isKind } from "../../base/errors.ts";
import type { LaunchSpec, LogFile, SpecInput } from "../../runtime/container-runtime.ts";
import type { ContainerEntry } from "./container-entry.ts";
import { containerPaths } from "./container-files.ts";
import type { ContainerRecord } from "./container-record.ts";
import { findAllDevices, findDevices } from "./create/host-devices.ts";
import { prepareMounts } from "./create/prepare-mounts.ts";
import { resolveMounts } from "./create/resolve-mounts.ts";
import { logLimits } from "./create/validate-log-config.ts";
import { sharedContainer } from "./create/validate-namespaces.ts";
import { parseSecurityOptions } from "./create/validate-security.ts";
import type { ContainerDirectory, LiveContainer } from "./live-container.ts";

/** Gathers, at the moment of a start, all that the runtime config depends on. Throws what Docker's start would. */
export async function gatherSpecInput(
  entry: ContainerEntry,
  directory: ContainerDirectory,
  dataRoot: string,
): Promise<SpecInput> {
  const { config, hostConfig, id } = entry.record;
  const network = networkOwner(entry, directory);
  const { hostname, hosts, resolvConf } = containerPaths(dataRoot, network?.id ?? id);
  const security = parseSecurityOptions(hostConfig.SecurityOpt ?? []);
  const [mounts, devices, hostDevices] = await Promise.all([
    prepareMounts(resolveMounts(hostConfig)),
    findDevices(hostConfig.Devices ?? []),
    hostConfig.Privileged ? findAllDevices() : [],
  ]);
  return {
    id,
    config: configOnNetwork(config, network),
    hostConfig,
    mounts,
    files: { hostname, hosts, resolvConf },
    sharedWith: {
      network: network?.process?.pid,
      pid: pidOwner(entry, directory)?.process?.pid,
      ipc: ipcOwner(entry, directory)?.process?.pid,
    },
    devices,
    seccompProfile: hostConfig.Privileged ? (security.seccompProfile ?? null) : security.seccompProfile,
    hostDevices,
  };
}

/** Who shares a network shares what belongs to it: the names in hosts and resolv.conf, and the host name. */
function configOnNetwork(config: ContainerConfig, network: LiveContainer | undefined): ContainerConfig {
  if (network === undefined) return config;
  const { Hostname, Domainname } = network.record.config;
  return { ...config, Hostname, Domainname };
}

function networkOwner(entry: ContainerEntry, directory: ContainerDirectory): LiveContainer | undefined {
  const ref = sharedContainer(entry.record.hostConfig.NetworkMode);
  if (ref === undefined) return undefined;
  const owner = findOwner(ref, directory, "joining network namespace of container");
  if (owner.id === entry.id) throw new EngineError("internal", "cannot join own network namespace");
  if (owner.process === undefined) {
    throw new EngineError(
      "conflict",
      `cannot join network namespace of a non running container: container ${owner.record.name} is ${owner.record.state.status}`,
    );
  }
  return owner;
}

function pidOwner(entry: ContainerEntry, directory: ContainerDirectory): LiveContainer | undefined {
  const ref = sharedContainer(entry.record.hostConfig.PidMode);
  return ref === undefined ? undefined : requireRunning(ref, directory, "failed to join PID namespace");
}

function ipcOwner(entry: ContainerEntry, directory: ContainerDirectory): LiveContainer | undefined {
  const ref = sharedContainer(entry.record.hostConfig.IpcMode);
  if (ref === undefined) return undefined;
  const owner = requireRunning(ref, directory, "failed to join IPC namespace");
  if (!["shareable", "host"].includes(owner.record.hostConfig.IpcMode ?? "")) {
    throw new EngineError(
      "internal",
      `failed to join IPC namespace: container ${ref}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
    );
  }
  return owner;
}

function requireRunning(ref: string, directory: ContainerDirectory, what: string): LiveContainer {
  const owner = findOwner(ref, directory, what);
  if (owner.process === undefined)
    throw new EngineError("internal", `${what}: container ${ref} is not running`);
  return owner;
}

/** Docker answers 500 here, not 404: it is not the container of the request that is missing. */
function findOwner(ref: string, directory: ContainerDirectory, what: string): LiveContainer {
  try {
    return directory.get(ref);
  } catch (error) {
    if (!isKind(error, "notFound")) throw error;
    throw new EngineError("internal", `${what}: ${error.message}`, { cause: error });
  }
}

/** The parts of a launch that are no OCI config. */
export function launchOptions(
  record: ContainerRecord,
  dataRoot: string,
): Pick<LaunchSpec, "user" | "stdio" | "log" | "init"> {
  const { config, hostConfig } = record;
  const [rows, columns] = hostConfig.ConsoleSize ?? [0, 0];
  return {
    user: { spec: config.User ?? "", additionalGroups: hostConfig.GroupAdd ?? [] },
    stdio: { tty: config.Tty ?? false, openStdin: config.OpenStdin ?? false, rows, columns },
    log: logFile(record, dataRoot),
    init: hostConfig.Init ?? false,
  };
}

/** Undefined with the log driver `none`. */
export function logFile(record: ContainerRecord, dataRoot: string): LogFile | undefined {
  const limits = logLimits(record.hostConfig.LogConfig ?? {});
  return limits === undefined ? undefined : { path: containerPaths(dataRoot, record.id).log, ...limits };
}
