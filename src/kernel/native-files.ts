import { access, constants, mkdir, readdir, readFile, unlink } from "node:fs/promises";
import { join } from "node:path";
import embeddedKernel from "../../dist/native/berth-kernel" with { type: "file" };
import embeddedShim from "../../dist/native/berth-shim" with { type: "file" };
import { EngineError } from "../base/errors.ts";
import { writeFileAtomically } from "../host/atomic-file.ts";
import { sha256 } from "../host/hashing.ts";

export interface NativeFiles {
  readonly shim: string;
  readonly kernel: string;
}

/**
 * Puts the native programs of this executable into `<directory>/bin`, named after their contents, and returns their paths.
 * Ones that are there are used again, those of other versions removed (shims run from memory, not from these files).
 * The kernel must be able to execute them there: throws failedPrecondition when the file system is mounted noexec, as
 * /run is on Debian.
 */
export async function installNativeFiles(directory: string): Promise<NativeFiles> {
  const bin = join(directory, "bin");
  await mkdir(bin, { recursive: true, mode: 0o700 });
  // One after the other: when this throws nothing is being written there any more.
  const shim = await install(bin, "berth-shim", embeddedShim);
  const kernel = await install(bin, "berth-kernel", embeddedKernel);
  await removeOthers(bin, [shim, kernel]);
  return { shim, kernel };
}

async function removeOthers(bin: string, wanted: readonly string[]): Promise<void> {
  const others = (await readdir(bin)).map((name) => join(bin, name)).filter((path) => !wanted.includes(path));
  for (const path of others) await unlink(path);
}

async function install(bin: string, name: string, embedded: string): Promise<string> {
  const program = await Bun.file(embedded).bytes();
  const path = join(bin, `${name}-${sha256(program).slice(0, 16)}`);
  if (!(await hasContents(path, program))) await writeFileAtomically(path, program, 0o700);
  try {
    await access(path, constants.X_OK);
  } catch (cause) {
    const advice = "choose a directory on a file system that is not mounted noexec";
    throw new EngineError("failedPrecondition", `${path} cannot be executed: ${advice}`, { cause });
  }
  return path;
}

async function hasContents(path: string, expected: Uint8Array): Promise<boolean> {
  try {
    return Buffer.compare(await readFile(path), expected) === 0;
  } catch {
    return false;
  }
}
