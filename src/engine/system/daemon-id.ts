import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { EngineError } from "../../base/errors.ts";
import { writeFileAtomically } from "../../host/atomic-file.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * This engine's identity, made once and kept in `path`. Throws dataLoss for a file that holds none: another id would make
 * clients take this for another engine.
 */
export async function readOrMakeDaemonId(path: string): Promise<string> {
  const kept = await readKept(path);
  if (kept === undefined) {
    const made = randomUUID();
    await writeFileAtomically(path, `${made}\n`);
    return made;
  }
  if (UUID.test(kept)) return kept;
  throw new EngineError("dataLoss", `${path} holds no engine id: remove it to get a new one`);
}

async function readKept(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
