/** What has to be true of a daemon's root at any time when nothing is under way, whatever happened before. */
import { Database } from "bun:sqlite";
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { TestDaemon } from "./daemon.ts";

/** Containers that stand prepared in a daemon at rest. */
const PREPARED = 3;

/** Sentences about what does not fit together; none when all is well. Removals end in the background: ask again. */
export async function inconsistencies(daemon: TestDaemon): Promise<string[]> {
  const listed = (await (await daemon.api("GET", "/containers/json?all=1")).json()) as { Id: string }[];
  const containers = listed.map(({ Id }) => Id).sort();
  return [...databaseFaults(daemon, containers), ...runtimeFaults(daemon, containers)];
}

function databaseFaults(daemon: TestDaemon, containers: readonly string[]): string[] {
  using database = new Database(join(daemon.root, "d/berth.db"), { readonly: true });
  const column = (sql: string) => database.query(sql).values().flat().map(String).sort();
  return [
    ...column("PRAGMA integrity_check").filter((line) => line !== "ok"),
    ...column("PRAGMA foreign_key_check"),
    ...differs("rows of containers", column("SELECT id FROM containers"), "listed ones", containers),
    // A start makes one that a crash has prevented.
    ...list(daemon, "d/containers")
      .filter((id) => !containers.includes(id))
      .map((id) => `directory ${id} of no container`),
    ...differs(
      "active snapshots",
      column("SELECT key FROM snapshots WHERE kind = 'active'"),
      "containers",
      containers,
    ),
    ...differs(
      "committed snapshots",
      column("SELECT key FROM snapshots WHERE kind = 'committed'"),
      "layers of images",
      column("SELECT DISTINCT snapshot FROM image_layers"),
    ),
    ...differs(
      "directories of snapshots",
      list(daemon, "d/snapshots"),
      "snapshots",
      column("SELECT number FROM snapshots"),
    ),
    ...differs(
      "blobs",
      list(daemon, "d/content/blobs/sha256").map((name) => `sha256:${name}`),
      "blobs of images",
      column("SELECT DISTINCT digest FROM image_blobs"),
    ),
    ...column("SELECT digest FROM layer_blobs WHERE digest NOT IN (SELECT digest FROM image_blobs)").map(
      (digest) => `layer blob ${digest} of no image`,
    ),
    ...list(daemon, "d/content/ingest").map((name) => `half a blob: ${name}`),
  ];
}

/** Run directories and shims: those of containers, and the prepared ones. */
function runtimeFaults(daemon: TestDaemon, containers: readonly string[]): string[] {
  const directories = list(daemon, "x/containers");
  const names = containers.map((id) => id.slice(0, 32));
  const spare = directories.filter((name) => !names.includes(name));
  const faults = shims(daemon)
    .filter((name) => !directories.includes(name))
    .map((name) => `a shim without a directory: ${name}`);
  if (spare.length > PREPARED) faults.push(`run directories of nobody: ${spare.join(" ")}`);
  return faults;
}

/** Run directories in which a shim is. */
function shims(daemon: TestDaemon): string[] {
  const home = join(daemon.root, "x/containers/");
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const directory = readlinkSync(`/proc/${pid}/cwd`);
        return directory.startsWith(home) ? [directory.slice(home.length)] : [];
      } catch {
        // It ended while we looked.
        return [];
      }
    });
}

function list(daemon: TestDaemon, path: string): string[] {
  try {
    return readdirSync(join(daemon.root, path)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function differs(what: string, found: readonly string[], of: string, wanted: readonly string[]): string[] {
  const more = found
    .filter((each) => !wanted.includes(each))
    .map((each) => `${what}: ${each} is none of the ${of}`);
  const less = wanted
    .filter((each) => !found.includes(each))
    .map((each) => `${what}: none for ${each} of the ${of}`);
  return [...more, ...less];
}
