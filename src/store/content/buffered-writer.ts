import type { FileHandle } from "node:fs/promises";

import { alignedBuffer, DIRECT_ALIGNMENT, openDirect } from "../../host/direct-io.ts";

const BUFFER_BYTES = 1 << 20;

/**
 * Writes a file a megabyte at a time: one buffer is filled while the other is being written. An error of the disk is thrown by the
 * next call. With `directPath`, the file's own, whole megabytes go past the page cache where the file system can do that.
 */
export class BufferedWriter implements AsyncDisposable {
  private buffers: [Uint8Array, Uint8Array] | undefined;
  private filled = 0;
  private writing: Promise<void> = Promise.resolve();
  private direct: FileHandle | undefined;
  private failure: { readonly error: unknown } | undefined;

  /** Begins at `written`. The file belongs to the caller. */
  constructor(
    private readonly file: FileHandle,
    private written = 0,
    private directPath?: string,
  ) {}

  /** Of the file once all is flushed. */
  get sizeBytes(): number {
    return this.written + this.filled;
  }

  async append(chunk: Uint8Array): Promise<void> {
    this.buffers ??= [alignedBuffer(BUFFER_BYTES), alignedBuffer(BUFFER_BYTES)];
    for (let at = 0; at < chunk.length; ) {
      const count = Math.min(chunk.length - at, BUFFER_BYTES - this.filled);
      this.buffers[0].set(chunk.subarray(at, at + count), this.filled);
      this.filled += count;
      at += count;
      if (this.filled === BUFFER_BYTES) await this.beginWrite();
    }
  }

  /** Resolves when all of it is in the file; not on the disk. */
  async flush(): Promise<void> {
    await this.beginWrite();
    await this.writing;
    if (this.failure !== undefined) throw this.failure.error;
  }

  private async beginWrite(): Promise<void> {
    await this.writing;
    if (this.failure !== undefined) throw this.failure.error;
    const buffers = this.buffers;
    if (this.filled === 0 || buffers === undefined) return;
    const bytes = buffers[0].subarray(0, this.filled);
    buffers.reverse();
    const at = this.written;
    this.written += bytes.length;
    this.filled = 0;
    this.writing = this.write(bytes, at).catch((error: unknown) => {
      this.failure = { error };
    });
  }

  /** Resolves when nothing is being written any more; the file itself stays open. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.writing;
    await this.closeDirect();
  }

  private async fileFor(position: number, length: number): Promise<FileHandle> {
    if (position % DIRECT_ALIGNMENT !== 0 || length !== BUFFER_BYTES) return this.file;
    if (this.direct === undefined && this.directPath !== undefined) {
      this.direct = await openDirect(this.directPath);
      this.directPath = undefined;
    }
    return this.direct ?? this.file;
  }

  private async closeDirect(): Promise<void> {
    const { direct } = this;
    this.direct = undefined;
    await direct?.close();
  }

  /** pwrite(2) may take less than it was given. */
  private async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const file = await this.fileFor(position + at, bytes.length - at);
      try {
        at += (await file.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
      } catch (error) {
        if (file === this.file || (error as NodeJS.ErrnoException).code !== "EINVAL") throw error;
        // A file system that takes the flag and then wants larger pieces than we have.
        await this.closeDirect();
      }
    }
  }
}
