import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerRecord } from "./container-record.ts";
import { sharedContainer } from "./create/validate-namespaces.ts";
import { hostnameFile, hostsFile, resolvConfFile } from "./resolution-files.ts";

/** Where a container's own files are; the log is written by its shim. */
export interface ContainerPaths {
  readonly directory: string;
  readonly hostname: string;
  readonly hosts: string;
  readonly resolvConf: string;
  readonly log: string;
}

/** `<data root>/containers/<id>/` and what is in it. */
export function containerPaths(dataRoot: string, id: string): ContainerPaths {
  const directory = join(dataRoot, "containers", id);
  return {
    directory,
    hostname: join(directory, "hostname"),
    hosts: join(directory, "hosts"),
    resolvConf: join(directory, "resolv.conf"),
    log: join(directory, `${id}-json.log`),
  };
}

/**
 * Writes the files that are bound into the container, at each start anew, so that the host's resolver of that moment
 * counts. Written in place: an old run's mounts are gone, and a half-written file after a crash is overwritten by the
 * next start before anybody reads it. Who joins another's network takes the other's files; the directory is needed all
 * the same, for the log. Synchronous, since none of it waits for the disk (docs/decisions/0002-durability.md).
 */
export function prepareFiles(record: ContainerRecord, dataRoot: string): void {
  const paths = containerPaths(dataRoot, record.id);
  const { config, hostConfig } = record;
  mkdirSync(paths.directory, { recursive: true, mode: 0o710 });
  if (sharedContainer(hostConfig.NetworkMode) !== undefined) return;
  const hosts = hostConfig.NetworkMode === "host" ? readIfThere("/etc/hosts") : "";
  writeFileSync(paths.hostname, hostnameFile(config), { mode: 0o644 });
  writeFileSync(paths.hosts, hostsFile(hostConfig, hosts), { mode: 0o644 });
  writeFileSync(paths.resolvConf, resolvConfFile(hostConfig, readIfThere("/etc/resolv.conf")), {
    mode: 0o644,
  });
}

/** Removes a container's directory, also one that is not there. It holds plain files of ours only. */
export async function removeContainerDirectory(paths: ContainerPaths): Promise<void> {
  await rm(paths.directory, { recursive: true, force: true });
}

/** Names of all container directories, for the sweep after a crash. */
export async function listContainerDirectories(dataRoot: string): Promise<string[]> {
  try {
    return await readdir(join(dataRoot, "containers"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
