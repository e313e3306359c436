/**
 * An image archive on the disk while it is being loaded: its entries come in any order and are needed in another.
 * Names of the archive are keys of a map and never become paths of the host.
 */
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "../../base/errors.ts";
import { readTar, type TarEntry } from "../../oci/tar-reader.ts";
import { readUpTo } from "./bounded-read.ts";
import { type ContentStore, writeFileOf } from "./content-store.ts";

const MAX_ENTRIES = 65_536;
/** Of one entry, compressed or not; and of all together. */
const MAX_ENTRY_BYTES = 256 * 2 ** 30;
const MAX_LINKS_FOLLOWED = 16;

type SpooledEntry =
  | { readonly kind: "file"; readonly path: string; readonly sizeBytes: number }
  | { readonly kind: "link"; readonly target: string };

export interface SpooledFile {
  /** In a scratch directory of the content store, for ContentStore.adopt. */
  readonly path: string;
  readonly sizeBytes: number;
  stream(): AsyncIterable<Uint8Array>;
  /** Throws exhausted above `maxBytes`. */
  read(maxBytes: number): Promise<Uint8Array>;
}

export class ArchiveSpool implements AsyncDisposable {
  private readonly entries = new Map<string, SpooledEntry>();
  private filesWritten = 0;

  private constructor(private readonly directory: string) {}

  /**
   * Writes an uncompressed tar's files away. Throws invalid for a broken or hostile archive, canceled on `signal`; leaves
   * nothing then. The caller disposes of it: that removes the files.
   */
  static async fill(
    store: ContentStore,
    tar: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<ArchiveSpool> {
    const spool = new ArchiveSpool(await store.scratchDirectory());
    try {
      let left = MAX_ENTRY_BYTES;
      for await (const entry of readTar(tar, { maxEntries: MAX_ENTRIES, maxEntryBytes: MAX_ENTRY_BYTES })) {
        signal.throwIfAborted();
        left -= entry.size;
        if (left < 0)
          throw new EngineError("invalid", `the archive holds more than ${MAX_ENTRY_BYTES} bytes`);
        await spool.add(entry, signal);
      }
      return spool;
    } catch (error) {
      await spool[Symbol.asyncDispose]();
      throw error;
    }
  }

  private async add(entry: TarEntry, signal: AbortSignal): Promise<void> {
    const name = archiveKey("", entry.name);
    if (name === undefined) throw new EngineError("invalid", `invalid name in the archive: ${entry.name}`);
    if (entry.type === "symlink" || entry.type === "hardlink") {
      // A symlink's target counts from its own directory, a hard link's from the archive's root.
      const base = entry.type === "symlink" ? name.slice(0, Math.max(0, name.lastIndexOf("/"))) : "";
      const target = archiveKey(base, entry.linkName);
      if (target !== undefined) this.entries.set(name, { kind: "link", target });
      return;
    }
    if (entry.type !== "file") return;
    const path = join(this.directory, String(this.filesWritten++));
    await writeFileOf(path, entry.body, { maxBytes: MAX_ENTRY_BYTES, signal });
    this.entries.set(name, { kind: "file", path, sizeBytes: entry.size });
  }

  /** Looks a name up, through links of the archive. */
  find(name: string): SpooledFile | undefined {
    let key = archiveKey("", name);
    for (let followed = 0; key !== undefined && followed < MAX_LINKS_FOLLOWED; followed++) {
      const entry = this.entries.get(key);
      if (entry === undefined) return undefined;
      if (entry.kind === "file") return fileAt(entry.path, entry.sizeBytes);
      key = entry.target;
    }
    return undefined;
  }

  /** Throws invalid `open <name>: no such file or directory`. */
  get(name: string): SpooledFile {
    const file = this.find(name);
    if (file === undefined)
      throw new EngineError("invalid", `open ${name}: no such file or directory in the archive`);
    return file;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.entries.clear();
    await rm(this.directory, { recursive: true, force: true });
  }
}

function fileAt(path: string, sizeBytes: number): SpooledFile {
  return {
    path,
    sizeBytes,
    stream: () => createReadStream(path, { highWaterMark: 1 << 20 }),
    read: async (maxBytes) => (await readUpTo(path, maxBytes)) ?? new Uint8Array(0),
  };
}

/** A name without `.`, `..` and empty parts; undefined when it leaves the archive. */
function archiveKey(base: string, name: string): string | undefined {
  const parts: string[] = base === "" || name.startsWith("/") ? [] : base.split("/");
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join("/");
}
