/** Where `save` and `export` write to. */
import { randomBytes } from "node:crypto";
import { lstatSync, type Stats, statSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { CliContext } from "./command.ts";
import { errnoText } from "./environment-files.ts";
import { CliFailure } from "./failure.ts";

/**
 * Writes what `request` gives to a file, which appears whole or not at all, or to standard output, which must not be a terminal.
 * `failure` begins the message for a file that cannot be: `failed to save image`.
 */
export async function writeArchive(
  context: CliContext,
  path: string | undefined,
  failure: string,
  request: () => Promise<{ readonly body: AsyncIterable<Uint8Array> }>,
): Promise<void> {
  if (path === undefined || path === "") {
    if (context.terminal.isTerminal("stdout")) {
      throw new CliFailure("cowardly refusing to save to a terminal. Use the -o flag or redirect");
    }
    for await (const chunk of (await request()).body) await context.terminal.stream("stdout", chunk);
    return;
  }
  const problem = destinationProblem(path);
  if (problem !== undefined) throw new CliFailure(`${failure}: ${problem}`);
  const { body } = await request();
  const target = resolve(context.workingDirectory(), path);
  const temporary = join(dirname(target), `.tmp-${basename(target)}${randomBytes(5).toString("hex")}`);
  try {
    await writeWhole(temporary, body);
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function writeWhole(path: string, body: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    for await (const chunk of body) await writeFully(file, chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function writeFully(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
}

/** Why there can be no file of that name; undefined when there can. */
function destinationProblem(path: string): string | undefined {
  const directory = dirname(path);
  const above = statusOf(() => statSync(directory));
  if (typeof above === "string") return `invalid output path: stat ${directory}: ${above}`;
  if (!above.isDirectory()) return `invalid output path: stat ${directory}: not a directory`;
  const there = statusOf(() => lstatSync(path));
  if (typeof there === "string") {
    return there === errnoText("ENOENT") ? undefined : `failed to stat output path: lstat ${path}: ${there}`;
  }
  if (there.isFile()) return undefined;
  return `cannot write to ${kindOf(there)}`;
}

function statusOf(look: () => Stats): Stats | string {
  try {
    return look();
  } catch (error) {
    return errnoText((error as NodeJS.ErrnoException).code ?? "") ?? (error as Error).message;
  }
}

function kindOf(status: Stats): string {
  if (status.isDirectory()) return "a directory";
  if (status.isSymbolicLink()) return "a symbolic link directly";
  if (status.isFIFO()) return "a named pipe (FIFO)";
  if (status.isSocket()) return "a socket";
  return status.isCharacterDevice() ? "a character device file" : "a block device file";
}
