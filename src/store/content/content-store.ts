/**
 * Content-addressed files: `<root>/blobs/sha256/<hex>`. A blob appears by rename, after its digest was verified and its
 * bytes are on the disk; so a name that exists is whole. Layers are not kept here: they live unpacked in the snapshots,
 * and saving or pushing an image makes their tars anew from there.
 */
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, mkdtemp, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "../../base/errors.ts";
import { syncDirectory } from "../../host/atomic-file.ts";
import { DigestingStream } from "../../host/hashing.ts";
import { parseDigest } from "../../oci/digest.ts";
import { readUpTo } from "./bounded-read.ts";

export interface IngestOptions {
  /** Throws dataLoss when the bytes have another one. sha256 only. */
  readonly digest?: string;
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
}

export class ContentStore {
  private constructor(
    private readonly blobs: string,
    private readonly ingestDirectory: string,
  ) {}

  /** Makes the directories and removes what a killed process left half-written. `root`: `<data-root>/content`. */
  static async open(root: string): Promise<ContentStore> {
    const store = new ContentStore(join(root, "blobs", "sha256"), join(root, "ingest"));
    await rm(store.ingestDirectory, { recursive: true, force: true });
    await mkdir(store.blobs, { recursive: true, mode: 0o700 });
    await mkdir(store.ingestDirectory, { recursive: true, mode: 0o700 });
    return store;
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
      if (options.digest !== undefined && options.digest !== written.digest) {
        throw new EngineError(
          "dataLoss",
          `wrong digest: ${options.digest} was expected, the content has ${written.digest}`,
        );
      }
      await rename(temporary, this.pathOf(written.digest));
      await syncDirectory(this.blobs);
      return written;
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  async has(digest: string): Promise<boolean> {
    try {
      return (await stat(this.pathOf(digest))).isFile();
    } catch {
      return false;
    }
  }

  /** The blob as a stream; a missing one fails at the first read with ENOENT. */
  stream(digest: string): AsyncIterable<Uint8Array> {
    return createReadStream(this.pathOf(digest), { highWaterMark: 1 << 18 });
  }

  /** Throws notFound, and exhausted above `maxBytes`. */
  async read(digest: string, maxBytes: number): Promise<Uint8Array> {
    const bytes = await readUpTo(this.pathOf(digest), maxBytes);
    if (bytes === undefined) throw new EngineError("notFound", `blob ${digest} not found`);
    return bytes;
  }

  /** One that is not there is no error. */
  async remove(digest: string): Promise<void> {
    await rm(this.pathOf(digest), { force: true });
  }

  /** Removes every blob that `isKnown` denies: what a crash left between a blob and the record that names it. */
  async sweep(isKnown: (digest: string) => boolean): Promise<void> {
    for (const name of await readdir(this.blobs)) {
      if (!isKnown(`sha256:${name}`)) await rm(join(this.blobs, name), { force: true });
    }
  }

  /** A private empty directory for work in progress. The caller removes it; a crash leaves that to the next open(). */
  async scratchDirectory(): Promise<string> {
    return await mkdtemp(join(this.ingestDirectory, "work-"));
  }

  private pathOf(digest: string): string {
    const { algorithm, hex } = parseDigest(digest);
    if (algorithm !== "sha256")
      throw new EngineError("unimplemented", `blobs are kept under sha256 only, not ${algorithm}`);
    return join(this.blobs, hex);
  }
}

async function writeHashed(
  path: string,
  content: AsyncIterable<Uint8Array>,
  options: IngestOptions,
): Promise<{ digest: string; sizeBytes: number }> {
  await using file = await open(path, "wx", 0o600);
  const digesting = new DigestingStream(content);
  let sizeBytes = 0;
  for await (const chunk of digesting) {
    options.signal?.throwIfAborted();
    sizeBytes += chunk.length;
    if (sizeBytes > options.maxBytes) {
      throw new EngineError("exhausted", `the content is larger than the ${options.maxBytes} bytes allowed`);
    }
    await writeAll(file, chunk);
  }
  await file.sync();
  return { digest: `sha256:${digesting.digest.sha256}`, sizeBytes };
}

/** write(2) may take less than it was given. */
export async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += (await file.write(bytes, at, bytes.length - at)).bytesWritten;
  }
}
