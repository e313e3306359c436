import { readFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * `DriverStatus` of `docker info`, in Docker's words; null for vfs, which has nothing to tell. `root`: where `sys` is, `/` but in tests.
 */
export async function storageStatus(
  driver: string,
  backingFilesystem: string,
  root = "/",
): Promise<[string, string][] | null> {
  if (driver === "vfs") return null;
  const isOn = async (parameter: string) => {
    const path = join(root, "sys/module/overlay/parameters", parameter);
    return /^[Y1]/.test(await readFile(path, "utf8").catch(() => ""));
  };
  const [redirects, metacopy] = [await isOn("redirect_dir"), await isOn("metacopy")];
  return [
    ["Backing Filesystem", backingFilesystem],
    // Without d_type no overlay could have been mounted.
    ["Supports d_type", "true"],
    ["Using metacopy", String(metacopy)],
    // Where renamed directories are redirects an upper directory does not tell by itself what has changed.
    ["Native Overlay Diff", String(!redirects)],
    // Marks are trusted.*: the daemon is root.
    ["userxattr", "false"],
  ];
}
