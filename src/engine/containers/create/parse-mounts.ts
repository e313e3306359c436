import type { MountRequest } from "../../../api/container-config.ts";
import { EngineError } from "../../../base/errors.ts";
import type { ResolvedMount } from "../../../runtime/container-runtime.ts";
import { mergeTmpfsOptions } from "./tmpfs-options.ts";
import { cleanPath, cleanTarget, type UserMount } from "./user-mount.ts";

type BindMount = Extract<ResolvedMount, { type: "bind" }>;
type Propagation = BindMount["propagation"];

const PROPAGATIONS: readonly string[] = ["private", "rprivate", "shared", "rshared", "slave", "rslave"];
/** Of each group at most one may stand in `-v a:b:<mode>`. SELinux labels mean nothing on a machine without it, as in Docker. */
const MODE_GROUPS: readonly (readonly string[])[] = [
  ["rw", "ro"],
  ["z", "Z"],
  PROPAGATIONS,
  ["nocopy"],
  ["consistent", "cached", "delegated"],
];

/** Reads one `-v` value: `/host:/container[:mode]`. Throws invalid; unimplemented for volumes. */
export function parseBind(raw: string): UserMount {
  const parts = raw.split(":");
  const [source = "", target = "", mode = ""] = parts;
  if (source === "" || parts.length > 3) throw invalidSpecification(raw);
  if (parts.length === 2 && isMode(target)) throw invalidSpecification(raw);
  if (!isMode(mode)) throw invalid(`invalid mode: ${mode}`);
  if (parts.length === 1 || !source.startsWith("/")) {
    throw new EngineError(
      "unimplemented",
      `"${raw}" names a volume, and volumes are not available yet: bind a host path (-v /on/host:/in/container)`,
    );
  }
  const words = mode.split(",");
  try {
    return bind({
      source: cleanPath(source),
      target: cleanTarget(target),
      readOnly: words.includes("ro"),
      propagation: words.find(isPropagation) ?? "rprivate",
      mode,
      missingSource: "create",
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw invalid(`${invalidSpecification(raw).message}: ${reason}`);
  }
}

/** Reads one `--mount`. Throws invalid; unimplemented for types that are not there yet. */
export function resolveMountRequest(request: MountRequest): UserMount {
  const type = request.Type ?? "";
  try {
    requireOwnOptions(request);
    if (!request.Target) throw invalid("field Target must not be empty");
    if (type === "bind") return bindRequest(request);
    if (type === "tmpfs") return tmpfsRequest(request);
  } catch (error) {
    if (!(error instanceof EngineError) || error.kind !== "invalid") throw error;
    throw invalid(`invalid mount config for type "${type}": ${error.message}`);
  }
  if (["volume", "image", "cluster"].includes(type)) {
    throw new EngineError(
      "unimplemented",
      `mounts of type "${type}" are not available yet: use bind or tmpfs`,
    );
  }
  throw invalid(`invalid mount config for type "${type}": mount type unknown`);
}

function bindRequest(request: MountRequest): UserMount {
  if (!request.Source) throw invalid("field Source must not be empty");
  const {
    Propagation = "",
    NonRecursive,
    CreateMountpoint,
    ReadOnlyNonRecursive,
    ReadOnlyForceRecursive,
  } = request.BindOptions ?? {};
  if (Propagation !== "" && !isPropagation(Propagation))
    throw invalid(`invalid propagation mode: ${Propagation}`);
  if (ReadOnlyNonRecursive && ReadOnlyForceRecursive) {
    throw invalid("mount options conflict: ReadOnlyNonRecursive && ReadOnlyForceRecursive");
  }
  return bind({
    source: cleanPath(request.Source),
    target: cleanTarget(request.Target ?? ""),
    readOnly: request.ReadOnly ?? false,
    readOnlyNonRecursive: ReadOnlyNonRecursive,
    nonRecursive: NonRecursive,
    propagation: Propagation === "" ? "rprivate" : Propagation,
    mode: "",
    missingSource: CreateMountpoint ? "create" : "refuse",
  });
}

function bind(options: {
  source: string;
  target: string;
  readOnly: boolean;
  readOnlyNonRecursive?: boolean;
  nonRecursive?: boolean;
  propagation: Propagation;
  mode: string;
  missingSource: UserMount["missingSource"];
}): UserMount {
  const { source, target, readOnly, propagation } = options;
  return {
    mount: {
      type: "bind",
      source,
      target,
      readOnly,
      // Since Docker 25 "ro" reaches what is mounted below the source too.
      readOnlyRecursive: readOnly && !options.readOnlyNonRecursive && !options.nonRecursive,
      recursive: !options.nonRecursive,
      propagation,
    },
    view: {
      Type: "bind",
      Source: source,
      Destination: target,
      Mode: options.mode,
      RW: !readOnly,
      Propagation: propagation,
    },
    missingSource: options.missingSource,
  };
}

function tmpfsRequest(request: MountRequest): UserMount {
  if (request.Source) throw invalid("field Source must not be specified");
  const { SizeBytes = 0, Mode = 0, Options } = request.TmpfsOptions ?? {};
  if (SizeBytes < 0) throw invalid("the size of a tmpfs must not be negative");
  if (Mode < 0 || Mode > 0o7777) throw invalid(`invalid mode of a tmpfs: ${Mode}`);
  const target = cleanTarget(request.Target ?? "");
  const options = [
    ...(request.ReadOnly ? ["ro"] : []),
    ...(Mode === 0 ? [] : [`mode=${Mode.toString(8)}`]),
    ...(SizeBytes === 0 ? [] : [`size=${SizeBytes}`]),
    ...(Options ?? []).map(tmpfsOption),
  ];
  return {
    mount: { type: "tmpfs", target, options: mergeTmpfsOptions(options) },
    view: {
      Type: "tmpfs",
      Source: "",
      Destination: target,
      Mode: "",
      RW: !request.ReadOnly,
      Propagation: "",
    },
    missingSource: "refuse",
  };
}

/** One inner list of TmpfsOptions.Options: `["noexec"]`. */
function tmpfsOption(words: readonly string[]): string {
  if (words.length < 1 || words.length > 2) throw invalid("invalid option array length");
  const [name = ""] = words;
  if (words.length === 2 || (name !== "exec" && name !== "noexec")) throw invalid(`invalid option: ${name}`);
  return name;
}

function requireOwnOptions(request: MountRequest): void {
  for (const [type, field] of [
    ["bind", "BindOptions"],
    ["volume", "VolumeOptions"],
    ["image", "ImageOptions"],
    ["tmpfs", "TmpfsOptions"],
  ] as const) {
    if (request.Type !== type && request[field] !== undefined) {
      throw invalid(`field ${field} must not be specified`);
    }
  }
}

function isMode(mode: string): boolean {
  if (mode === "") return true;
  const words = mode.split(",");
  const known = words.every((word) => MODE_GROUPS.some((group) => group.includes(word)));
  return known && MODE_GROUPS.every((group) => words.filter((word) => group.includes(word)).length <= 1);
}

function isPropagation(word: string): word is Propagation {
  return PROPAGATIONS.includes(word);
}

function invalidSpecification(raw: string): EngineError {
  return invalid(`invalid volume specification: '${raw}'`);
}

function invalid(message: string): EngineError {
  return new EngineError("invalid", message);
}
