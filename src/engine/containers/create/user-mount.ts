import { posix } from "node:path";
import type { MountPointView } from "../../../api/container-views.ts";
import { EngineError } from "../../../base/errors.ts";
import type { ResolvedMount } from "../../../runtime/container-runtime.ts";

/** A mount that the client asked for, whichever way it was written. */
export interface UserMount {
  readonly mount: ResolvedMount;
  /** What inspect shows; undefined for `--tmpfs`, which Docker does not list. */
  readonly view: MountPointView | undefined;
  /** A bind whose source is made when it is missing (`-v`), or must be there (`--mount`). */
  readonly missingSource: "create" | "refuse";
}

/** An absolute path other than the root, without `.`, `..` and doubled slashes. Throws invalid. */
export function cleanTarget(target: string): string {
  const clean = cleanPath(target);
  if (clean === "/") throw new EngineError("invalid", "invalid specification: destination can't be '/'");
  return clean;
}

/** Throws invalid for a relative path. */
export function cleanPath(path: string): string {
  if (!path.startsWith("/")) {
    throw new EngineError("invalid", `invalid mount path: '${path}' mount path must be absolute`);
  }
  const clean = posix.normalize(path).replace(/^\/\//, "/");
  return clean.length > 1 ? clean.replace(/\/$/, "") : clean;
}
