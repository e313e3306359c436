/** The end of a copy that is on this machine. */
import { lstatSync, readlinkSync, realpathSync, type Stats, statSync } from "node:fs";
import { posix } from "node:path";
import { errnoText } from "../environment-files.ts";
import { CliFailure } from "../failure.ts";
import { type ByteText, fromBuffer, fromText, toBuffer, toText } from "./byte-text.ts";
import { type CopySource, type CopyTarget, clean, keepEnding, linkedPath, splitPath } from "./copy-paths.ts";

/** Absolute, with the slash or dot at its end that was typed. */
export function localPath(workingDirectory: string, path: string): ByteText {
  return fromText(keepEnding(clean(posix.resolve(workingDirectory, path)), path));
}

/** `lstat /nowhere: no such file or directory`, as Go says it. */
function failureOf(call: string, path: string, error: unknown): CliFailure {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return new CliFailure(`${call} ${toText(path)}: ${errnoText(code) ?? message}`);
}

function attempt<T>(call: string, path: string, look: () => T): T {
  try {
    return look();
  } catch (error) {
    throw failureOf(call, path, error);
  }
}

const realPath = (path: string) =>
  attempt("lstat", path, () => fromBuffer(realpathSync(toBuffer(path), { encoding: "buffer" })));

/**
 * What is to be sent. A link is sent as a link, unless `followLink` or a slash behind it says otherwise. Throws CliFailure where
 * nothing is.
 */
export function localSource(path: ByteText, followLink: boolean): CopySource & { readonly path: ByteText } {
  const resolved = (followLink ? keepEnding(realPath(path), path) : withRealParent(path)) as ByteText;
  const status = attempt("lstat", resolved, () => lstatSync(toBuffer(resolved)));
  const asked = posix.basename(path);
  const matters = followLink || path.endsWith("/");
  const rebaseName = matters && asked !== posix.basename(resolved) ? asked : "";
  return { path: resolved, isDirectory: status.isDirectory(), rebaseName };
}

function withRealParent(path: ByteText): string {
  const at = path.lastIndexOf("/");
  const parent = realPath(path.slice(0, at) || "/");
  if (statusOf(parent)?.isDirectory() === false) throw new CliFailure("not a directory");
  return `${parent === "/" ? "" : parent}/${path.slice(at + 1)}`;
}

/** Links in a row that are followed to where a copy is to go. */
const LINK_LIMIT = 10;

/** Where a copy is to go: what is there, links followed, or a name that is free. Throws CliFailure for want of a directory. */
export function localTarget(given: ByteText): CopyTarget & { readonly path: ByteText } {
  let path: string = given;
  let status = statusOf(path);
  for (let links = 0; status?.isSymbolicLink() === true; links++) {
    if (links > LINK_LIMIT) throw new CliFailure(`too many symlinks in ${toText(given)}`);
    path = linkedPath(path, fromBuffer(readlinkSync(toBuffer(path), { encoding: "buffer" })));
    status = statusOf(path);
  }
  if (status === undefined) {
    const [parent] = splitPath(path);
    if (!attempt("stat", parent, () => statSync(toBuffer(parent))).isDirectory()) {
      throw new CliFailure("not a directory");
    }
  }
  return {
    path: path as ByteText,
    exists: status !== undefined,
    isDirectory: status?.isDirectory() === true,
  };
}

function statusOf(path: string): Stats | undefined {
  return attempt("lstat", path, () => lstatSync(toBuffer(path), { throwIfNoEntry: false }));
}

/** Throws CliFailure for what a copy cannot go to: a device, or a name in a directory that is not there. */
export function checkOutputPath(path: ByteText): void {
  const directory = posix.dirname(clean(path));
  if (statSync(toBuffer(directory), { throwIfNoEntry: false }) === undefined) {
    throw new CliFailure(
      `invalid output path: directory ${JSON.stringify(toText(directory))} does not exist`,
    );
  }
  const there = attempt("stat", path, () => statSync(toBuffer(path), { throwIfNoEntry: false }));
  if (there?.isCharacterDevice() === true || there?.isBlockDevice() === true) {
    const name = JSON.stringify(toText(path));
    throw new CliFailure(`invalid output path: ${name} must be a directory or a regular file: got a device`);
  }
}
