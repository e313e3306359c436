import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { StreamHasher } from "../../host/hashing.ts";
import { BufferedWriter } from "./buffered-writer.ts";

const READ_BYTES = 1 << 20;

/** The beginning of a blob on the disk and its hash so far. What was not flushed when the process dies is downloaded again. */
export class PartialBlob implements AsyncDisposable {
  private constructor(
    private readonly file: FileHandle,
    private hasher: StreamHasher,
    private writer: BufferedWriter,
  ) {}

  /** Opens or makes it, and hashes what is there already. */
  static async open(path: string, signal: AbortSignal): Promise<PartialBlob> {
    const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    try {
      const hasher = new StreamHasher();
      return new PartialBlob(file, hasher, new BufferedWriter(file, await hashFile(file, hasher, signal)));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Of all that was appended, in the file or not yet. */
  get sizeBytes(): number {
    return this.writer.sizeBytes;
  }

  /** `sha256:…` of what is there. */
  digest(): string {
    return `sha256:${this.hasher.digestSoFar()}`;
  }

  async append(chunk: Uint8Array): Promise<void> {
    this.hasher.update(chunk);
    await this.writer.append(chunk);
  }

  /** Resolves when all of it is in the file; not on the disk. */
  async flush(): Promise<void> {
    await this.writer.flush();
  }

  /** Throws all of it away. */
  async truncate(): Promise<void> {
    await this.writer.flush();
    await this.file.truncate(0);
    this.hasher = new StreamHasher();
    this.writer = new BufferedWriter(this.file);
  }

  /** Keeps what it has, as far as that can be written, for the next attempt. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.writer.flush().catch(() => undefined);
    await this.file.close();
  }
}

/** Returns how many bytes there are. */
async function hashFile(file: FileHandle, hasher: StreamHasher, signal: AbortSignal): Promise<number> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  for (let at = 0; ; ) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) return at;
    hasher.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
    await setImmediate();
  }
}
