/**
 * What `cp` makes of the paths it is given: the rules that Docker's documentation has for it ("docker container cp",
 * Extended description), as cp(1)'s: a slash or a dot at the end says that a directory is meant.
 */
import { posix } from "node:path";
import { CliFailure } from "../failure.ts";
import { splitOnce } from "../values/words.ts";

/** `CONTAINER:PATH`; a path alone is on this machine, and so is one that begins with `/` or `.` and has a colon in it. */
export function splitCopyArgument(text: string): { readonly container: string; readonly path: string } {
  const [container, path, separated] = splitOnce(text, ":");
  if (text.startsWith("/") || !separated || container.startsWith(".")) return { container: "", path: text };
  return { container, path };
}

const endsInSlash = (path: string) => path.endsWith("/");
/** Its last word, slashes at the end aside, is a dot: the contents of a directory are meant. */
export const meansContents = (path: string) => posix.basename(path) === ".";
const meansDirectory = (path: string) => endsInSlash(path) || meansContents(path);

/** posix.normalize would keep a slash at the end. */
export const clean = (path: string) => {
  const normal = posix.normalize(path);
  return normal.length > 1 && endsInSlash(normal) ? normal.slice(0, -1) : normal;
};

/** The directory and the name in it; `a/b/.` → [`a/b`, `.`]. */
export function splitPath(path: string): readonly [directory: string, name: string] {
  const whole = meansContents(path) && clean(path) !== "." ? `${clean(path)}/.` : clean(path);
  const at = whole.lastIndexOf("/");
  if (whole === "/") return ["/", "/"];
  return [at < 0 ? "." : clean(whole.slice(0, at) || "/"), whole.slice(at + 1)];
}

/** What the path of a link leads to, with the slash or dot at the end that the link's own path had. */
export function keepEnding(resolved: string, given: string): string {
  let path = resolved;
  if (meansContents(given) && !meansContents(path)) path += endsInSlash(path) ? "." : "/.";
  if (endsInSlash(given) && !endsInSlash(path)) path += "/";
  return path;
}

/** The path of a link's target, that of the link being `path`. */
export function linkedPath(path: string, target: string): string {
  return target.startsWith("/") ? target : posix.join(splitPath(path)[0], target);
}

/** One end of a copy. */
export interface CopySource {
  readonly path: string;
  readonly isDirectory: boolean;
  /** The name that was asked for, where following a link led to another. */
  readonly rebaseName: string;
}

export interface CopyTarget {
  readonly path: string;
  readonly exists: boolean;
  readonly isDirectory: boolean;
}

export interface CopyPlan {
  /** Where entries are unpacked. */
  readonly directory: string;
  /** The first word of the entries' names, and what takes its place. */
  readonly rename: readonly [from: string, to: string] | undefined;
}

/** Where entries go, and under which name. Throws CliFailure for what cannot be: a directory onto a file. */
export function planCopy(source: CopySource, target: CopyTarget): CopyPlan {
  const [, from] = splitPath(source.path);
  if (target.exists && target.isDirectory) {
    const rename = source.rebaseName === "" ? undefined : ([from, source.rebaseName] as const);
    return { directory: target.path, rename };
  }
  if (target.exists && source.isDirectory) throw new CliFailure("cannot copy directory");
  if (!target.exists && !source.isDirectory && meansDirectory(target.path)) {
    throw new CliFailure("no such directory");
  }
  const [directory, name] = splitPath(target.path);
  return { directory, rename: [from, name] };
}

/** The name of an entry in an archive with its first word changed. The root's own entries have none: they get one. */
export function renamed(name: string, rename: CopyPlan["rename"]): string {
  if (rename === undefined) return name;
  const [from, to] = rename;
  return name.replace(from === "/" ? "" : from, () => to);
}
