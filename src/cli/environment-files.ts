import { CliFailure } from "./failure.ts";

export type CallerEnvironment = Readonly<Record<string, string | undefined>>;

const ERRNO_TEXT: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EISDIR: "is a directory",
  ENOTDIR: "not a directory",
  EEXIST: "file exists",
  ELOOP: "too many levels of symbolic links",
  ENAMETOOLONG: "file name too long",
  ENOSPC: "no space left on device",
  EPERM: "operation not permitted",
  EROFS: "read-only file system",
};

/** The words of strerror(3) for a code, in Go's lower case; undefined for one that is rare. */
export const errnoText = (code: string): string | undefined => ERRNO_TEXT[code];

/** `open <path>: no such file or directory`, as Go says it. */
export function openFailure(path: string, error: unknown): string {
  const { code = "", message } = error as NodeJS.ErrnoException;
  const verb = code === "EISDIR" ? "read" : "open";
  return `${verb} ${path}: ${ERRNO_TEXT[code] ?? message}`;
}

/** The lines of `KEY=value` files but for comments and empty ones. Throws CliFailure of the given style. */
export function readKeyValueFiles(paths: readonly string[], style: "hint" | "plain" = "hint"): string[] {
  return paths.flatMap((path) => {
    let text: string;
    try {
      text = process.getBuiltinModule("node:fs").readFileSync(path, "utf8");
    } catch (error) {
      throw new CliFailure(openFailure(path, error), style);
    }
    const lines = text
      .replace(/^\uFEFF/, "")
      .split(/\r?\n/)
      .map((line) => line.trimStart())
      .filter((line) => line !== "" && !line.startsWith("#"));
    for (const line of lines) checkName(path, line, style);
    return lines;
  });
}

function checkName(path: string, line: string, style: "hint" | "plain"): void {
  const name = line.split("=", 1)[0] ?? "";
  const invalid = (reason: string) => new CliFailure(`invalid env file (${path}): ${reason}`, style);
  if (name === "") throw invalid(`no variable name on line '${line}'`);
  if (/\s/.test(name)) throw invalid(`variable '${name}' contains whitespaces`);
}

/** `NAME` alone takes the caller's value; from a file, one that the caller has not is left out. */
export function withCallerValues(
  fromFiles: readonly string[],
  fromFlags: readonly string[],
  environment: CallerEnvironment,
): string[] {
  const complete = (entry: string) => {
    const value = entry.includes("=") ? undefined : environment[entry];
    return value === undefined ? entry : `${entry}=${value}`;
  };
  // A bare name in the request takes the image's variable away: that is what a flag without a value is for.
  return [...fromFiles.map(complete).filter((entry) => entry.includes("=")), ...fromFlags.map(complete)];
}
