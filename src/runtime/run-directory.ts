/**
 * A container's directory on the exec root: its shim's socket, its exit record, the place of its root. The exec root is on a
 * tmpfs, which never waits for a disk: a call takes some microseconds, a hop through the thread pool sixty.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BugError } from "../base/errors.ts";
import type { ContainerId } from "../base/ids.ts";
import { type ExitRecord, parseExitRecord } from "../kernel/exit-record.ts";
import { EXIT_RECORD_NAME, ROOT_NAME } from "./plan/launch-plan.ts";

/** 128 bits of the id: a socket's path has room for 107 bytes, and nobody finds a second id with the same half. */
const NAME_LENGTH = 32;
const OWNER_NAME = "owner.json";

/** What has to be cleaned up when neither shim nor daemon of the time is there any more. */
export interface RunOwner {
  readonly cgroupsPath: string;
  readonly cgroupDirectories: readonly string[];
}

export function runDirectoryName(id: ContainerId): string {
  return id.slice(0, NAME_LENGTH);
}

const isMissing = (error: unknown): boolean =>
  ["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "");

/** Makes the directory. Only root may look in: the sockets in it rule containers. */
export function createRunDirectory(directory: string, owner: RunOwner): void {
  mkdirSync(join(directory, ROOT_NAME), { recursive: true, mode: 0o700 });
  const file = join(directory, OWNER_NAME);
  writeFileSync(`${file}.new`, JSON.stringify(owner), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Undefined for a directory that is not there or that a crash left before its cgroups were made. */
export function readOwner(directory: string): RunOwner | undefined {
  try {
    const owner = JSON.parse(readFileSync(join(directory, OWNER_NAME), "utf8")) as Partial<RunOwner>;
    const { cgroupsPath, cgroupDirectories } = owner;
    if (typeof cgroupsPath !== "string" || !Array.isArray(cgroupDirectories)) {
      throw new BugError(`${join(directory, OWNER_NAME)} is not what this daemon writes`);
    }
    return { cgroupsPath, cgroupDirectories };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/**
 * Removes the directory, also one that is not there. Entry by entry: a shim that ends takes its socket away at the same moment,
 * and the runtime's recursive removal leaves the directory, without a word, when an entry is gone before it (Bun 1.4).
 * A handful of entries; what the container mounted on its root was never in this mount namespace.
 */
export function removeRunDirectory(directory: string): void {
  try {
    for (const name of readdirSync(directory))
      rmSync(join(directory, name), { recursive: true, force: true });
    rmdirSync(directory);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** How the container ended, if its shim could tell. */
export function readExitRecord(directory: string): ExitRecord | undefined {
  try {
    return parseExitRecord(readFileSync(join(directory, EXIT_RECORD_NAME), "utf8"));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Names of all run directories. */
export function listRunDirectories(parent: string): string[] {
  try {
    return readdirSync(parent, { withFileTypes: true })
      .filter((each) => each.isDirectory())
      .map(({ name }) => name);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
