/** What `berth-kernel tree-list` writes (native/kernel/list.c), decoded. */
import { EngineError } from "../base/errors.ts";

/** One entry of a tree, never its top. */
export interface TreeEntry {
  /** Absolute in the tree; a character for each byte of the name (latin1), so that names that are no UTF-8 survive. */
  readonly path: string;
  /** st_mode, with the type. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** A directory that hides what lower layers have in it. */
  readonly opaque: boolean;
  /** Overlayfs's mark for a name that this layer removes. */
  readonly whiteout: boolean;
  readonly major: number;
  readonly minor: number;
  readonly sizeBytes: number;
  /** Of the disk. */
  readonly allocatedBytes: number;
  readonly mtimeNs: bigint;
  readonly links: number;
  readonly inode: bigint;
  /** Of a symbolic link, as `path`. */
  readonly target: string;
}

const HEADER_BYTES = 72;
const MAX_PATH_BYTES = 1 << 20;
const MAX_LINK_BYTES = 1 << 16;

export const FILE_TYPE_MASK = 0o170000;
export const FileTypeBits = {
  fifo: 0o010000,
  character: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  regular: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
} as const;

/** True for what is a directory. */
export const isDirectory = (entry: { readonly mode: number }) =>
  (entry.mode & FILE_TYPE_MASK) === FileTypeBits.directory;
export const isRegular = (entry: { readonly mode: number }) =>
  (entry.mode & FILE_TYPE_MASK) === FileTypeBits.regular;

/**
 * Compares two paths in the order of a tree's list: a directory before what is in it, siblings by their names' bytes. Negative, 0 or
 * positive.
 */
export function compareTreePaths(left: string, right: string): number {
  const shorter = Math.min(left.length, right.length);
  for (let at = 0; at < shorter; at++) {
    const [a, b] = [left.charCodeAt(at), right.charCodeAt(at)];
    if (a !== b) return (a === SLASH ? 0 : a) - (b === SLASH ? 0 : b);
  }
  return left.length - right.length;
}

const SLASH = 0x2f;

/** Bytes in pieces of any size, entries out in batches: one for each piece. Throws internal when the list ends in an entry. */
export async function* decodeTreeList(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<TreeEntry[], void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of pieces) {
    rest = rest.length === 0 ? Buffer.from(piece) : Buffer.concat([rest, piece]);
    const batch: TreeEntry[] = [];
    let at = 0;
    for (let size = wholeSize(rest, at); size > 0; size = wholeSize(rest, at)) {
      batch.push(decodeEntry(rest, at));
      at += size;
    }
    rest = rest.subarray(at);
    if (batch.length > 0) yield batch;
  }
  if (rest.length > 0) throw new EngineError("internal", "the list of a tree ends in the middle of an entry");
}

/** Of the entry at `at`; 0 when it is not all there yet. */
function wholeSize(bytes: Buffer, at: number): number {
  if (bytes.length - at < HEADER_BYTES) return 0;
  const [path, link] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)];
  if (path > MAX_PATH_BYTES || link > MAX_LINK_BYTES) {
    throw new EngineError("internal", "the list of a tree is broken: a name is too long");
  }
  const size = HEADER_BYTES + path + link;
  return bytes.length - at < size ? 0 : size;
}

function decodeEntry(bytes: Buffer, at: number): TreeEntry {
  const u32 = (index: number) => bytes.readUInt32LE(at + index * 4);
  const u64 = (offset: number) => bytes.readBigUInt64LE(at + offset);
  const pathEnd = at + HEADER_BYTES + u32(0);
  return {
    path: bytes.toString("latin1", at + HEADER_BYTES, pathEnd),
    target: bytes.toString("latin1", pathEnd, pathEnd + u32(1)),
    mode: u32(2),
    uid: u32(3),
    gid: u32(4),
    opaque: (u32(5) & 1) !== 0,
    whiteout: (u32(5) & 2) !== 0,
    major: u32(6),
    minor: u32(7),
    sizeBytes: Number(u64(32)),
    allocatedBytes: Number(u64(40)),
    mtimeNs: bytes.readBigInt64LE(at + 48) * 1_000_000_000n + BigInt(bytes.readUInt32LE(at + 56)),
    links: bytes.readUInt32LE(at + 60),
    inode: u64(64),
  };
}

/** A name's bytes as text: what is no UTF-8 becomes U+FFFD. */
export function shownName(latin1: string): string {
  return /^[\0-\x7f]*$/.test(latin1) ? latin1 : Buffer.from(latin1, "latin1").toString("utf8");
}
