import { randomUUID } from "node:crypto";
import { open, readdir, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { EngineError } from "../base/errors.ts";

const TEMPORARY = /^\.berth-tmp-/;

/**
 * Writes a file so that readers, and this program after a crash or power cut at any moment, see either the old contents or all
 * of the new ones. Resolves when the new ones are on the disk. The directory must exist. Throws as node:fs does.
 */
export async function writeFileAtomically(
  path: string,
  data: string | Uint8Array,
  mode = 0o600,
): Promise<void> {
  const directory = dirname(path);
  const temporary = join(directory, `.berth-tmp-${randomUUID()}-${basename(path).slice(0, 100)}`);
  try {
    const file = await open(temporary, "wx", mode);
    try {
      // open() takes the umask off the mode.
      await file.chmod(mode);
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(directory);
}

/** Makes renames and removals inside a directory survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Undefined when there is no such file. Throws dataLoss when it is not JSON: it was not written by `writeFileAtomically`. */
export async function readJsonFile(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new EngineError("dataLoss", `${path} is damaged: it is not JSON`, { cause });
  }
}

/** Removes what interrupted writes have left in a directory. Only while nobody writes there: at the daemon's start. */
export async function removeInterruptedWrites(directory: string): Promise<void> {
  const names = await readdir(directory);
  await Promise.all(
    names.filter((name) => TEMPORARY.test(name)).map((name) => rm(join(directory, name), { force: true })),
  );
}
