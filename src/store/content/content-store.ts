/**
 * Content-addressed files: `<root>/blobs/sha256/<hex>`: configs, manifests, indexes, and layers as they came. A blob gets its
 * name after its digest was verified; so a name that exists is whole. Its bytes are on the disk once `synced` has resolved,
 * which a record that names it waits for.
 *
 * `<root>/partial/<hex>` is what a download has so far. It stays after a failure, a cancel or SIGKILL, and as a second name
 * (hard link) of a whole blob until a record names that: so a pull that is begun again downloads only what was missing.
 */
import { createReadStream } from "node:fs";
import { link, mkdir, mkdtemp, open, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "../../base/errors.ts";
import { DigestingStream } from "../../host/hashing.ts";
import { isDigest, parseDigest } from "../../oci/digest.ts";
import { BlobTransfer, type FetchOptions, wrongDigest } from "./blob-transfer.ts";
import { readUpTo } from "./bounded-read.ts";
import { BufferedWriter } from "./buffered-writer.ts";
import { type ContentLease, ContentLeases } from "./content-lease.ts";

export interface IngestOptions {
  /** Throws dataLoss when the bytes have another one. sha256 only. */
  readonly digest?: string;
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
}

/** A download that nobody took up again, as DownloadedPart of the store. */
export interface PartialDownload {
  readonly digest: string;
  readonly sizeBytes: number;
  readonly usedAt: Date;
}

const PARTIALS_KEPT_MS = 7 * 24 * 3600 * 1000;

export class ContentStore {
  private readonly leases = new ContentLeases((digests) => this.onReleased(digests));
  private readonly transfers = new Map<string, { transfer: BlobTransfer; finished: Promise<void> }>();
  /** Files on their way out: who comes for one waits, so that a removal never meets a newcomer. */
  private readonly removals = new Map<string, Promise<void>>();
  /** Blobs named since the last sync of the disk. */
  private unsynced = new Set<string>();
  /** Told of digests that nobody holds any more. The store as a whole sets it. */
  onReleased: (digests: readonly string[]) => void = () => undefined;

  private constructor(
    readonly root: string,
    private readonly blobs: string,
    private readonly partialDirectory: string,
    private readonly ingestDirectory: string,
  ) {}

  /** Makes the directories and removes what a killed process left half-written. `root`: `<data-root>/content`. */
  static async open(root: string): Promise<ContentStore> {
    const blobs = join(root, "blobs", "sha256");
    const store = new ContentStore(root, blobs, join(root, "partial"), join(root, "ingest"));
    await rm(store.ingestDirectory, { recursive: true, force: true });
    for (const directory of [store.blobs, store.partialDirectory, store.ingestDirectory]) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
    }
    return store;
  }

  /** From now on, until the lease is disposed of, blobs that are added to it are not removed. */
  hold(): ContentLease {
    return this.leases.hold();
  }

  isHeld(digest: string): boolean {
    return this.leases.isHeld(digest);
  }

  /**
   * Makes sure that a blob is there. Returns at once when it is; otherwise downloads it, together with everybody else who wants
   * it, from where the last attempt has ended. Hold it first. Throws what `open` throws, dataLoss for other bytes, exhausted,
   * canceled.
   */
  async fetch(digest: string, options: FetchOptions): Promise<{ sizeBytes: number }> {
    for (;;) {
      options.signal.throwIfAborted();
      const sizeBytes = await this.sizeOf(digest);
      if (sizeBytes !== undefined) return { sizeBytes };
      const running = this.transfers.get(digest);
      if (running?.transfer.isOpen) return await running.transfer.join(options);
      if (running === undefined) break;
      await running.finished;
    }
    const path = this.partialPath(digest);
    const { transfer, result, finished } = BlobTransfer.start(digest, path, options, () =>
      this.place(digest),
    );
    const over = finished.finally(() => this.transfers.delete(digest));
    this.transfers.set(digest, { transfer, finished: over });
    return await result;
  }

  /** As ingest, for bytes that are in memory already. */
  async ingestBytes(bytes: Uint8Array, digest?: string): Promise<{ digest: string; sizeBytes: number }> {
    async function* once() {
      yield bytes;
    }
    return await this.ingest(once(), { digest, maxBytes: bytes.length });
  }

  /** Throws exhausted above `maxBytes`, dataLoss for another digest, canceled; leaves nothing then. */
  async ingest(
    content: AsyncIterable<Uint8Array>,
    options: IngestOptions,
  ): Promise<{ digest: string; sizeBytes: number }> {
    const directory = await this.scratchDirectory();
    try {
      const temporary = join(directory, "blob");
      const written = await writeHashed(temporary, content, options);
      if (options.digest !== undefined && options.digest !== written.digest)
        throw wrongDigest(options.digest, written.digest);
      await this.adopt(temporary, written.digest);
      return written;
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  /**
   * Makes a finished file of a scratch directory the blob `digest`, which the caller has verified. The file's own name goes, or
   * stays with `keep`; nobody may write to it any more. Hold the digest first.
   */
  async adopt(path: string, digest: string, how: { readonly keep?: boolean } = {}): Promise<void> {
    const target = this.path(digest);
    await this.removals.get(digest);
    this.unsynced.add(digest);
    if (how.keep === true) await linkUnlessThere(path, target);
    else await rename(path, target);
  }

  async has(digest: string): Promise<boolean> {
    return (await this.sizeOf(digest)) !== undefined;
  }

  /** Undefined for a blob that is not there. */
  async sizeOf(digest: string): Promise<number | undefined> {
    const path = this.path(digest);
    await this.removals.get(digest);
    try {
      const { size } = await stat(path);
      return size;
    } catch {
      return undefined;
    }
  }

  /** The blob as a stream, from an offset on; a missing one fails at the first read with ENOENT. */
  stream(digest: string, offsetBytes = 0): AsyncIterable<Uint8Array> {
    return createReadStream(this.path(digest), { highWaterMark: 1 << 18, start: offsetBytes });
  }

  /** Throws notFound, and exhausted above `maxBytes`. */
  async read(digest: string, maxBytes: number): Promise<Uint8Array> {
    const bytes = await readUpTo(this.path(digest), maxBytes);
    if (bytes === undefined) throw new EngineError("notFound", `blob ${digest} not found`);
    return bytes;
  }

  /** One that is not there is no error. The caller has seen that nobody holds it and that no record names it. */
  async remove(digest: string): Promise<void> {
    const removal = rm(this.path(digest), { force: true }).finally(() => this.removals.delete(digest));
    this.unsynced.delete(digest);
    this.removals.set(digest, removal);
    await removal;
  }

  /** A record names these now: the second name that a download has left goes. */
  async settle(digests: readonly string[]): Promise<void> {
    for (const digest of digests) await rm(this.partialPath(digest), { force: true });
  }

  /** True when a blob may not be on the disk yet. */
  get isUnsynced(): boolean {
    return this.unsynced.size > 0;
  }

  /** To be called around a sync of the file system: what was named before it is on the disk when it has ended. */
  async whileSyncing(sync: () => Promise<void>): Promise<void> {
    const covered = this.unsynced;
    this.unsynced = new Set();
    try {
      await sync();
    } catch (error) {
      for (const digest of covered) this.unsynced.add(digest);
      throw error;
    }
  }

  /** Digests of all blobs. */
  async list(): Promise<string[]> {
    return (await readdir(this.blobs)).map((name) => `sha256:${name}`);
  }

  /** Removes every blob that `isKnown` denies, and partial downloads that are whole, known or a week old. At the start. */
  async sweep(isKnown: (digest: string) => boolean, now = new Date()): Promise<void> {
    for (const digest of await this.list()) {
      if (!isKnown(digest)) await rm(join(this.blobs, digest.slice(7)), { force: true });
    }
    for (const { digest, usedAt } of await this.partials()) {
      if (isKnown(digest) || now.getTime() - usedAt.getTime() > PARTIALS_KEPT_MS) await this.settle([digest]);
    }
  }

  /** What downloads have left that no record names. */
  async partials(): Promise<PartialDownload[]> {
    const found: PartialDownload[] = [];
    for (const name of (await readdir(this.partialDirectory)).filter((each) => isDigest(`sha256:${each}`))) {
      const info = await stat(join(this.partialDirectory, name)).catch(() => undefined);
      if (info !== undefined)
        found.push({ digest: `sha256:${name}`, sizeBytes: info.size, usedAt: info.mtime });
    }
    return found;
  }

  /** Removes what a download has left; one that is under way stays. True when something went. */
  async removePartial(digest: string): Promise<boolean> {
    if (this.transfers.has(digest) || this.isHeld(digest)) return false;
    await rm(this.partialPath(digest), { force: true });
    return true;
  }

  /** A private empty directory for work in progress. The caller removes it; a crash leaves that to the next open(). */
  async scratchDirectory(): Promise<string> {
    return await mkdtemp(join(this.ingestDirectory, "work-"));
  }

  /** Where a blob is, for programs that read it themselves. Throws invalid for what is no digest. */
  path(digest: string): string {
    return join(this.blobs, this.hexOf(digest));
  }

  private partialPath(digest: string): string {
    return join(this.partialDirectory, this.hexOf(digest));
  }

  private async place(digest: string): Promise<void> {
    const partial = this.partialPath(digest);
    await this.adopt(partial, digest, { keep: true });
    // Its week begins now, also when it was whole already.
    const now = new Date();
    await utimes(partial, now, now);
  }

  private hexOf(digest: string): string {
    const { algorithm, hex } = parseDigest(digest);
    if (algorithm !== "sha256")
      throw new EngineError("unimplemented", `blobs are kept under sha256 only, not ${algorithm}`);
    return hex;
  }
}

/** Two who bring the same blob at once bring the same bytes. */
async function linkUnlessThere(path: string, target: string): Promise<void> {
  try {
    await link(path, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

async function writeHashed(
  path: string,
  content: AsyncIterable<Uint8Array>,
  options: IngestOptions,
): Promise<{ digest: string; sizeBytes: number }> {
  const digesting = new DigestingStream(content);
  const sizeBytes = await writeFileOf(path, digesting, options);
  return { digest: `sha256:${digesting.digest.sha256}`, sizeBytes };
}

/** Makes a file of a stream. Throws exhausted above `maxBytes`, canceled; the caller removes what is left. */
export async function writeFileOf(
  path: string,
  content: AsyncIterable<Uint8Array>,
  options: { readonly maxBytes: number; readonly signal?: AbortSignal },
): Promise<number> {
  await using file = await open(path, "wx", 0o600);
  await using writer = new BufferedWriter(file, 0, path);
  for await (const chunk of content) {
    options.signal?.throwIfAborted();
    if (writer.sizeBytes + chunk.length > options.maxBytes) {
      throw new EngineError("exhausted", `the content is larger than the ${options.maxBytes} bytes allowed`);
    }
    await writer.append(chunk);
  }
  await writer.flush();
  return writer.sizeBytes;
}
