import { readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { EngineError } from "../../base/errors.ts";

/** Containers can nest cgroups of their own; nobody has a reason to go deeper than this. */
const DEPTH_MAX = 16;
const FREEZE_TIMEOUT_MS = 10_000;
const REMOVE_TIMEOUT_MS = 5_000;

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;
/** ENODEV: the file belongs to a cgroup that was removed after it was opened. */
const isGone = (error: unknown): boolean => ["ENOENT", "ENODEV"].includes(codeOf(error) ?? "");

/** The directory and all below it, children first. */
async function subtree(directory: string, depth = 0): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    if (isGone(error)) return [];
    throw error;
  });
  const children = entries.filter((entry) => entry.isDirectory() && depth < DEPTH_MAX);
  const below = await Promise.all(children.map(({ name }) => subtree(join(directory, name), depth + 1)));
  return [...below.flat(), directory];
}

/** Host pids in the directory and below; none for a directory that is gone. */
export async function readProcesses(directory: string): Promise<number[]> {
  const lists = await Promise.all(
    (await subtree(directory)).map((each) =>
      readFile(join(each, "cgroup.procs"), "utf8").catch((error: unknown) => {
        // EOPNOTSUPP: a threaded cgroup of the container's own making; its processes are listed above it.
        if (isGone(error) || codeOf(error) === "EOPNOTSUPP") return "";
        throw error;
      }),
    ),
  );
  return lists
    .flatMap((text) => text.split("\n"))
    .map(Number)
    .filter((pid) => pid > 0);
}

/** Writes one value to a kernel's file; false when it is not there. */
export async function writeIfPresent(file: string, value: string): Promise<boolean> {
  try {
    await writeFile(file, value, { flag: "r+" });
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

async function readIfPresent(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/**
 * Writes `value` to a freezer's file and waits until `isDone` says so of the state file. The kernel tells v1's state to
 * readers only, so that it is asked, ever less often.
 */
export async function freezeAndWait(
  control: { readonly file: string; readonly value: string },
  state: { readonly file: string; readonly isDone: (text: string) => boolean },
): Promise<void> {
  const deadline = Date.now() + FREEZE_TIMEOUT_MS;
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 50)) {
    // Again each time: on v1 a process that was forked meanwhile can leave the group in FREEZING for good.
    const text = (await writeIfPresent(control.file, control.value))
      ? await readIfPresent(state.file)
      : undefined;
    // Also in between: a frozen process that was killed ends with its thaw, and its cgroup goes with it.
    if (text === undefined) {
      throw new EngineError("notFound", `the container's cgroup is gone (${control.file})`);
    }
    if (state.isDone(text)) return;
    if (Date.now() > deadline) {
      throw new EngineError("deadline", `${control.file} did not become ${control.value.trim()} in time`);
    }
    await delay(pauseMs);
  }
}

function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if (codeOf(error) !== "ESRCH") throw error;
    }
  }
}

/**
 * Kills what is left in a container's directory and removes it with all below. For leftovers only, where no shim is
 * there to do it: a kill takes effect some time after it was sent, so that this repeats. Throws unavailable when
 * something stays.
 */
export async function removeLeftCgroup(directory: string): Promise<void> {
  const deadline = Date.now() + REMOVE_TIMEOUT_MS;
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 100)) {
    let left = false;
    for (const each of await subtree(directory)) {
      await rmdir(each).catch(async (error: unknown) => {
        if (isGone(error)) return;
        if (codeOf(error) !== "EBUSY") throw error;
        left = true;
        // v2's own way takes a fork bomb at once; v1's freezer has to let go of what shall die.
        await writeIfPresent(join(each, "cgroup.kill"), "1");
        await writeIfPresent(join(each, "freezer.state"), "THAWED");
        killAll(await readProcesses(each));
      });
    }
    if (!left) return;
    if (Date.now() > deadline)
      throw new EngineError("unavailable", `${directory} still has processes after a kill`);
    await delay(pauseMs);
  }
}
