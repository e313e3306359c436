import { posix } from "node:path";

/** A path in a container as Docker reads it (moby daemon/archive_unix.go, PreserveTrailingDotOrSeparator). */
export interface ContainerPath {
  /** Absolute and clean; a `/` or `/.` at the end of what was asked for stays, since it says that a link is to be followed. */
  readonly absolute: string;
  /** What the names in an archive begin with, and the name that a stat has: Go's filepath.Base. */
  readonly base: string;
}

export function containerPath(asked: string): ContainerPath {
  const clean = withoutEnd(posix.normalize(`/${asked}`));
  const meansDirectory = asked === "." || asked.endsWith("/.");
  const absolute = meansDirectory ? `${clean === "/" ? "" : clean}/.` : endsInSlash(asked, clean);
  const base = meansDirectory ? "." : clean === "/" ? "/" : posix.basename(clean);
  return { absolute, base };
}

function withoutEnd(path: string): string {
  const trimmed = path.replace(/^\/+/, "/").replace(/\/+$/, "");
  return trimmed === "" ? "/" : trimmed;
}

function endsInSlash(asked: string, clean: string): string {
  return asked.endsWith("/") && clean !== "/" ? `${clean}/` : clean;
}
