/**
 * From `Binds`, `Mounts` and `Tmpfs` to mounts that the runtime can make, by Docker's rules (moby daemon/volumes.go,
 * daemon/volume/mounts/linux_parser.go). Pure; `prepare-mounts.ts` looks at the host.
 */
import type { HostConfig } from "../../../api/container-config.ts";
import { EngineError } from "../../../base/errors.ts";
import { parseBind, resolveMountRequest } from "./parse-mounts.ts";
import { mergeTmpfsOptions } from "./tmpfs-options.ts";
import { cleanTarget, type UserMount } from "./user-mount.ts";

const MOST_MOUNTS = 1024;

/** In the order in which they are made. Throws invalid, unimplemented. */
export function resolveMounts(host: HostConfig): readonly UserMount[] {
  const mounts = [
    ...(host.Binds ?? []).map(parseBind),
    ...(host.Mounts ?? []).map(resolveMountRequest),
    ...Object.entries(host.Tmpfs ?? {}).map(([target, options]) => tmpfsMount(target, options)),
  ];
  if (mounts.length > MOST_MOUNTS) {
    throw new EngineError(
      "invalid",
      `${mounts.length} mounts are too many: at most ${MOST_MOUNTS} are possible`,
    );
  }
  const targets = new Set<string>();
  for (const { mount } of mounts) {
    if (targets.has(mount.target)) throw new EngineError("invalid", `Duplicate mount point: ${mount.target}`);
    targets.add(mount.target);
  }
  // A mount on /a/b would vanish under one that is made on /a later.
  return mounts.toSorted((a, b) => depth(a.mount.target) - depth(b.mount.target));
}

function depth(target: string): number {
  return target.split("/").length;
}

function tmpfsMount(target: string, options: string): UserMount {
  return {
    mount: { type: "tmpfs", target: cleanTarget(target), options: mergeTmpfsOptions(options.split(",")) },
    view: undefined,
    missingSource: "refuse",
  };
}
