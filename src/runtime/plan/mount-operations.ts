import { EngineError } from "../../base/errors.ts";
import type { PlanOperation } from "../../kernel/plan.ts";
import { Bind, Op } from "../../kernel/protocol.ts";
import type { OciMount } from "../../oci/runtime-config.ts";
import type { CgroupView } from "../cgroups/cgroups.ts";
import { MOUNT_ATTRIBUTES, PROPAGATION } from "./kernel-flags.ts";

interface SplitOptions {
  readonly attributes: number;
  /** What the file system itself reads. */
  readonly own: readonly string[];
}

function splitOptions(options: readonly string[]): SplitOptions {
  const isAttribute = (option: string) => Object.hasOwn(MOUNT_ATTRIBUTES, option);
  return {
    attributes: options.reduce((bits, option) => bits | (MOUNT_ATTRIBUTES[option] ?? 0), 0),
    own: options.filter((option) => !isAttribute(option)),
  };
}

const BIND_FLAGS: Readonly<Record<string, number>> = {
  bind: 0,
  rbind: Bind.RECURSIVE,
  ro: Bind.READONLY,
  rw: 0,
  rro: Bind.READONLY | Bind.READONLY_RECURSIVE,
  nosuid: Bind.NOSUID,
  nodev: Bind.NODEV,
  noexec: Bind.NOEXEC,
};

function bindOperation({ source, destination, options }: OciMount): PlanOperation {
  let flags = 0;
  let propagation = PROPAGATION.rprivate ?? 0;
  for (const option of options) {
    const flag = BIND_FLAGS[option];
    const asked = PROPAGATION[option];
    if (flag !== undefined) flags |= flag;
    else if (asked !== undefined) propagation = asked;
    else
      throw new EngineError(
        "invalid",
        `bind option ${JSON.stringify(option)} of ${destination} is not known`,
      );
  }
  return { op: Op.BIND_IN, args: [source, destination, flags, propagation] };
}

function newMount(type: string, source: string, target: string, options: readonly string[]): PlanOperation {
  const { attributes, own } = splitOptions(options);
  return { op: Op.MOUNT_IN, args: [type, source, target, attributes, own.join(",")] };
}

const BIND_LOCKED = Bind.NOSUID | Bind.NODEV | Bind.NOEXEC;

/**
 * /sys/fs/cgroup. v2 is one mount; v1 a small tmpfs with one directory for each hierarchy, closed when all stand there.
 */
function cgroupOperations({ destination, options }: OciMount, view: readonly CgroupView[]): PlanOperation[] {
  const readOnly = options.includes("ro");
  const shown = view.map((part): PlanOperation => {
    if (part.kind === "symlink") return { op: Op.SYMLINK, args: [part.text, part.path] };
    if (part.kind === "mount")
      return newMount(part.type, "cgroup", part.target, [...options, ...part.options]);
    const flags = BIND_LOCKED | (readOnly ? Bind.READONLY : 0);
    return { op: Op.BIND_IN, args: [part.source, part.target, flags, PROPAGATION.rprivate ?? 0] };
  });
  if (isWhole(view, destination)) return shown;
  const shell = newMount("tmpfs", "cgroup", destination, [
    "nosuid",
    "nodev",
    "noexec",
    "mode=755",
    "size=64k",
  ]);
  const close: PlanOperation[] = readOnly ? [{ op: Op.READONLY, args: [destination] }] : [];
  return [shell, ...shown, ...close];
}

function isWhole(view: readonly CgroupView[], destination: string): boolean {
  const [first] = view;
  return first?.kind === "mount" && first.target === destination;
}

/** The operations for the mounts of a container, in order. */
export function mountOperations(mounts: readonly OciMount[], view: readonly CgroupView[]): PlanOperation[] {
  return mounts.flatMap((mount) => {
    if (mount.type === "bind") return [bindOperation(mount)];
    if (mount.type === "cgroup") return cgroupOperations(mount, view);
    return [newMount(mount.type, mount.source, mount.destination, mount.options)];
  });
}
