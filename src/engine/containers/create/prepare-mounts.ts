import { mkdir, stat } from "node:fs/promises";
import { EngineError } from "../../../base/errors.ts";
import type { ResolvedMount } from "../../../runtime/container-runtime.ts";
import type { UserMount } from "./user-mount.ts";

/** Throws invalid when the source of a `--mount type=bind` is not there; a `-v` source may come to be at the start. */
export async function requireBindSources(mounts: readonly UserMount[]): Promise<void> {
  await Promise.all(
    mounts.map(async ({ mount, missingSource }) => {
      if (mount.type !== "bind" || missingSource === "create" || (await exists(mount.source))) return;
      throw new EngineError(
        "invalid",
        `invalid mount config for type "bind": bind source path does not exist: ${mount.source}`,
      );
    }),
  );
}

/** Makes missing `-v` sources as directories, as Docker does, and returns what is to be mounted. Throws invalid, internal. */
export async function prepareMounts(mounts: readonly UserMount[]): Promise<readonly ResolvedMount[]> {
  await requireBindSources(mounts);
  for (const { mount, missingSource } of mounts) {
    if (mount.type !== "bind" || missingSource !== "create") continue;
    if (await exists(mount.source)) continue;
    try {
      await mkdir(mount.source, { recursive: true, mode: 0o755 });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new EngineError(
        "internal",
        `error while creating mount source path '${mount.source}': ${reason}`,
        {
          cause,
        },
      );
    }
  }
  return mounts.map(({ mount }) => mount);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return false;
    throw error;
  }
}
