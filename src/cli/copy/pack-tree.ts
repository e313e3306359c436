import {
  type BigIntStats,
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from "node:fs";
import { EngineError } from "../../base/errors.ts";
import { type ByteText, fromBuffer, toBuffer, toText } from "./byte-text.ts";
import { type CopyPlan, renamed, splitPath } from "./copy-paths.ts";
import { deviceNumbers, fileCapability } from "./file-attributes.ts";
import { BLOCK, type EntryType, type TarMember, tarHeader } from "./tar-header.ts";

/** Small files go together: a chunk for each would cost more than its bytes. */
const CHUNK_BYTES = 256 << 10;
const READ_BYTES = 1 << 20;

/**
 * A tar of the file or tree at `path`, its entries named from the last word of the path on, changed as `rename` has it. Nothing
 * is followed; sockets are left out. Throws internal for a file that gets shorter while it is read.
 */
export async function* packTree(path: ByteText, rename: CopyPlan["rename"]): AsyncGenerator<Uint8Array> {
  const packer = new TreePacker(rename);
  yield* packer.entry(path, splitPath(path)[1] as ByteText);
  yield packer.end();
}

class TreePacker {
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  /** Names of files that have several, by device and inode. */
  readonly #seen = new Map<string, ByteText>();

  constructor(private readonly rename: CopyPlan["rename"]) {}

  *entry(path: ByteText, name: ByteText): Generator<Uint8Array> {
    const status = lstatSync(toBuffer(path), { bigint: true });
    const type = typeOf(status);
    if (type === undefined) return;
    const archived = renamed(type === "directory" ? `${name}/` : name, this.rename) as ByteText;
    const first = this.#firstName(status, archived);
    const member = memberOf(path, first === undefined ? type : "hardlink", archived, status);
    this.#add(tarHeader(first === undefined ? member : { ...member, linkName: first, size: 0 }));
    if (first === undefined && type === "file") yield* this.#file(path, member.size);
    if (this.#pendingBytes >= CHUNK_BYTES) yield this.#take();
    if (type === "directory") yield* this.#children(path, name);
  }

  /** The two empty blocks behind the last entry. */
  end(): Uint8Array {
    this.#add(Buffer.alloc(2 * BLOCK));
    return this.#take();
  }

  *#children(path: ByteText, name: ByteText): Generator<Uint8Array> {
    const names = readdirSync(toBuffer(path), { encoding: "buffer" }).map(fromBuffer);
    for (const child of names.sort()) {
      yield* this.entry(`${path}/${child}` as ByteText, `${name}/${child}` as ByteText);
    }
  }

  /** Where an earlier entry is the same file. */
  #firstName({ dev, ino, mode, nlink }: BigIntStats, name: ByteText): ByteText | undefined {
    if (nlink < 2n || (Number(mode) & S_IFMT) === S_IFDIR) return undefined;
    const key = `${dev}:${ino}`;
    const first = this.#seen.get(key);
    if (first === undefined) this.#seen.set(key, name);
    return first;
  }

  *#file(path: ByteText, size: number): Generator<Uint8Array> {
    const descriptor = openSync(toBuffer(path), "r");
    try {
      for (let left = size; left > 0; ) {
        const buffer = Buffer.allocUnsafe(Math.min(left, READ_BYTES));
        const length = readSync(descriptor, buffer);
        if (length === 0) throw new EngineError("internal", `${toText(path)}: got shorter while it was read`);
        left -= length;
        this.#add(buffer.subarray(0, length));
        if (this.#pendingBytes >= CHUNK_BYTES) yield this.#take();
      }
    } finally {
      closeSync(descriptor);
    }
    this.#add(Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK));
  }

  #add(bytes: Uint8Array): void {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
  }

  #take(): Uint8Array {
    const all = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    return all;
  }
}

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;

function typeOf(status: BigIntStats): EntryType | undefined {
  if (status.isFile()) return "file";
  if (status.isDirectory()) return "directory";
  if (status.isSymbolicLink()) return "symlink";
  if (status.isFIFO()) return "fifo";
  if (status.isCharacterDevice()) return "character";
  return status.isBlockDevice() ? "block" : undefined;
}

function memberOf(path: ByteText, type: EntryType, name: ByteText, status: BigIntStats): TarMember {
  const isDevice = type === "character" || type === "block";
  const [major, minor] = isDevice ? deviceNumbers(status.rdev) : [0, 0];
  const capability = type === "file" ? fileCapability(path) : undefined;
  return {
    name,
    type,
    size: type === "file" ? Number(status.size) : 0,
    mode: Number(status.mode) & 0o7777,
    uid: Number(status.uid),
    gid: Number(status.gid),
    mtimeNs: status.mtimeNs,
    linkName: (type === "symlink"
      ? fromBuffer(readlinkSync(toBuffer(path), { encoding: "buffer" }))
      : "") as ByteText,
    major,
    minor,
    xattrs: capability === undefined ? new Map() : new Map([["security.capability", capability]]),
  };
}
