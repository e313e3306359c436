/** The file tree of one container, read and changed by confined processes: `berth-kernel pack`, `archive-*`, `export`, `changes`. */
import { dirname, relative, sep } from "node:path";
import { BugError, EngineError } from "../base/errors.ts";
import { ByteSource } from "../oci/byte-source.ts";
import { TreeProcess } from "./tree-process.ts";

/** The directories of an overlay; all paths absolute, `lowerDirs` topmost first. */
export interface TreeLayers {
  readonly lowerDirs: readonly string[];
  readonly upperDir: string;
  readonly workDir: string;
}

/** A whole tree that began as a copy of another; undefined: of nothing. */
export interface TreeCopy {
  readonly directory: string;
  readonly copyOf: string | undefined;
}

/** Something of the host that a container shows in its tree. */
export interface TreeBind {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly recursive: boolean;
}

/** Where a container's files are. Of a stopped one nobody else may use the layers for as long as an operation takes. */
export type ContainerTree =
  | {
      readonly kind: "running";
      /** Host pid of any of its processes. */
      readonly pid: number;
      /** The name of its cgroup: the number may be another process's by the time it is used. */
      readonly cgroup: string;
    }
  | {
      readonly kind: "stopped";
      readonly layers: TreeLayers;
      readonly binds: readonly TreeBind[];
      /** Not to be written to, its binds excepted. */
      readonly readOnly: boolean;
    };

export interface TreeEntry {
  /** `st_mode` of stat(2), with the type. */
  readonly mode: number;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  /** Where a symbolic link leads in the end, absolute; empty for all else. */
  readonly linkTarget: string;
}

export interface TreeChange {
  readonly kind: "modified" | "added" | "deleted";
  readonly path: string;
}

export interface PutOptions {
  /** A directory is not replaced by a file, nor a file by a directory. */
  readonly keepKinds: boolean;
  /** Who gets everything, as `--user` is written, by the container's own passwd; undefined: as the archive says. */
  readonly owner: string | undefined;
}

export interface LayerOptions {
  /** Paths without a leading slash at which the engine makes mount points: empty ones are no change of the container's. */
  readonly madeByUs: readonly string[];
}

/**
 * `path` is absolute and clean but for a `/` or `/.` at its end, which follows a link. All of them throw notFound for a path that
 * is not there, conflict when a running container's process has ended, canceled, exhausted for a full disk.
 */
export class ContainerTrees {
  constructor(private readonly kernelPath: string) {}

  async stat(tree: ContainerTree, path: string, signal?: AbortSignal): Promise<TreeEntry> {
    using process = this.start(["archive-stat", ...rootFlags(tree), "--", checked(path)], "look", signal);
    const source = new ByteSource(process.output());
    const entry = await readEntry(source);
    await source.drain();
    return entry;
  }

  /** What is at `path` and a tar of it, the names in it beginning with `base` (`/`: with nothing but a slash). */
  async get(
    tree: ContainerTree,
    path: string,
    base: string,
    signal?: AbortSignal,
  ): Promise<{ readonly entry: TreeEntry; readonly tar: AsyncIterable<Uint8Array> }> {
    const args = ["archive-get", ...rootFlags(tree), "--", checked(path), checked(base)];
    const source = new ByteSource(new TreeProcess(this.kernelPath, args, "read files", signal).output());
    return { entry: await readEntry(source), tar: restOf(source) };
  }

  /** Unpacks an uncompressed tar into the directory `path`. Throws denied for what is mounted read-only, invalid. */
  async put(
    tree: ContainerTree,
    path: string,
    tar: AsyncIterable<Uint8Array>,
    options: PutOptions,
    signal?: AbortSignal,
  ): Promise<void> {
    const flags = [
      ...(options.keepKinds ? ["--keep-kinds"] : []),
      ...(options.owner === undefined ? [] : ["--owner", checked(options.owner)]),
    ];
    const args = ["archive-put", ...rootFlags(tree), ...flags, "--", checked(path)];
    await new TreeProcess(this.kernelPath, args, "write files", signal).feed(tar);
  }

  /** A tar of the container's own file system: nothing of what is mounted on it. */
  export(tree: ContainerTree, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    return new TreeProcess(this.kernelPath, ["export", ...rootFlags(tree)], "export", signal).output();
  }

  /** What the upper directory, or the copy, changes; names of a directory sorted, as Docker tells it. */
  async changes(
    layers: TreeLayers | TreeCopy,
    options: LayerOptions,
    signal?: AbortSignal,
  ): Promise<TreeChange[]> {
    const args = ["changes", ...changeFlags(layers), ...madeByUs(options), "--", changedDirectory(layers)];
    const text = await new TreeProcess(this.kernelPath, args, "compare the layers", signal).text();
    const records = text.split("\0").slice(0, -1);
    return records.map((record) => ({ kind: kindOf(record), path: record.slice(1) }));
  }

  /** What is changed as a layer's tar (whiteouts and all). Nobody may change it meanwhile. */
  layer(
    layers: TreeLayers | TreeCopy,
    options: LayerOptions,
    signal?: AbortSignal,
  ): AsyncIterable<Uint8Array> {
    const args = [
      ...["pack", "--layer", ...changeFlags(layers)],
      ...[...madeByUs(options), "--", changedDirectory(layers)],
    ];
    return new TreeProcess(this.kernelPath, args, "pack the layer", signal).output();
  }

  private start(args: readonly string[], what: string, signal: AbortSignal | undefined): TreeProcess {
    return new TreeProcess(this.kernelPath, args, what, signal);
  }
}

const KINDS: Readonly<Record<string, TreeChange["kind"]>> = { "0": "modified", "1": "added", "2": "deleted" };

function kindOf(record: string): TreeChange["kind"] {
  const kind = KINDS[record[0] ?? ""];
  if (kind === undefined) throw new BugError("berth-kernel told of a change of no known kind");
  return kind;
}

const MAX_LINE = 128;

/** What archive_stat() prints (native/kernel/archive.h). */
async function readEntry(source: ByteSource): Promise<TreeEntry> {
  let line = "";
  while (!line.endsWith("\n") && line.length < MAX_LINE) {
    const [byte] = (await source.take(1)) ?? [];
    if (byte === undefined) break;
    line += String.fromCharCode(byte);
  }
  const match = /^(\d+) (\d+) (-?\d+) (\d+) (\d+)\n$/.exec(line);
  if (match === null) throw new EngineError("internal", "berth-kernel told nothing of a file");
  const [, mode, size, seconds, nanoseconds, linkLength] = match;
  const link = Number(linkLength) === 0 ? undefined : await source.exactly(Number(linkLength));
  return {
    mode: Number(mode),
    sizeBytes: Number(size),
    mtimeNs: BigInt(seconds ?? 0) * 1_000_000_000n + BigInt(nanoseconds ?? 0),
    linkTarget: link === undefined ? "" : new TextDecoder().decode(link),
  };
}

const CHUNK_BYTES = 1 << 18;

async function* restOf(source: ByteSource): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for (let bytes = await source.take(CHUNK_BYTES); bytes !== undefined; ) {
      yield bytes;
      bytes = await source.take(CHUNK_BYTES);
    }
  } finally {
    await source.cancel();
  }
}

function rootFlags(tree: ContainerTree): string[] {
  if (tree.kind === "running") return ["--process", String(tree.pid), "--cgroup", checked(tree.cgroup)];
  const binds = tree.binds.flatMap(({ source, target, readOnly, recursive }) => [
    "--bind",
    `-${recursive ? "r" : ""}${readOnly ? "o" : ""}`,
    checked(source),
    checked(target),
  ]);
  return [...layerFlags(tree.layers), ...(tree.readOnly ? ["--read-only"] : []), ...binds];
}

function changeFlags(layers: TreeLayers | TreeCopy): string[] {
  return "directory" in layers ? ["--copy-of", checked(layers.copyOf ?? "")] : layerFlags(layers);
}

function changedDirectory(layers: TreeLayers | TreeCopy): string {
  return checked("directory" in layers ? layers.directory : layers.upperDir);
}

/** Names relative to the directory that all share: mount(2) takes no more than a page of them. */
function layerFlags({ lowerDirs, upperDir, workDir }: TreeLayers): string[] {
  const base = commonDirectory([...lowerDirs, upperDir, workDir]);
  const name = (path: string) => checked(relative(base, path));
  return [
    ...["--base", base, "--upper", name(upperDir), "--work", name(workDir)],
    ...lowerDirs.flatMap((path) => ["--lower", name(path)]),
  ];
}

function commonDirectory(paths: readonly string[]): string {
  const [first = sep, ...rest] = paths.map((path) => dirname(path));
  return rest.reduce((common, path) => {
    let at = common;
    while (at !== sep && path !== at && !path.startsWith(`${at}${sep}`)) at = dirname(at);
    return at;
  }, first);
}

function madeByUs(options: LayerOptions): string[] {
  return options.madeByUs.flatMap((path) => ["--made-by-us", checked(path)]);
}

/** Arguments end at a NUL. */
function checked(text: string): string {
  if (text.includes("\0")) throw new EngineError("invalid", "a path holds a NUL byte");
  return text;
}
