import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

const BLOCK_BYTES = 64 * 1024;
/** An entry holds at most 16 KiB of text, six times that when every byte is escaped. What is longer was not written by us. */
const LINE_LIMIT_BYTES = 1024 * 1024;
const NEWLINE = 10;
/** Rotations that may happen while the files are being opened. */
const OPEN_ATTEMPTS = 8;

/** One file of a log, open: it stays readable when it is renamed or removed. */
export class LogFile {
  readonly inode: number;
  /** Bytes when it was opened. */
  readonly sizeBytes: number;
  readonly #handle: FileHandle;
  /** Where the next unread line begins. */
  #next = 0;
  /** What is there is the rest of a line that is too long. */
  #skipping = false;

  private constructor(handle: FileHandle, inode: number, sizeBytes: number) {
    this.#handle = handle;
    this.inode = inode;
    this.sizeBytes = sizeBytes;
  }

  static async open(path: string): Promise<LogFile> {
    const handle = await open(path, "r");
    try {
      const { ino, size } = await handle.stat();
      return new LogFile(handle, ino, size);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** The next lines() begins here: 0 or the first byte after a newline. */
  seek(offset: number): void {
    this.#next = offset;
  }

  /**
   * Unread whole lines up to `limit` bytes of the file (default: its end now), in batches of one block. Called again it
   * goes on with what was added since.
   *
   * A line counts once a single read returned it whole: a writer whose disk is full cuts its half-written line off again
   * and writes another in its place, so pieces of two reads need not belong together.
   */
  async *lines(limit = Number.POSITIVE_INFINITY): AsyncGenerator<string[]> {
    const { size } = await this.#handle.stat();
    // The only file of a log is emptied when it is full; what is there now begins anew.
    if (size < this.#next) this.#next = 0;
    let length = BLOCK_BYTES;
    while (this.#next < limit) {
      const block = Buffer.allocUnsafe(Math.min(length, limit - this.#next));
      const { bytesRead } = await this.#handle.read(block, 0, block.length, this.#next);
      const lastNewline = block.subarray(0, bytesRead).lastIndexOf(NEWLINE);
      if (lastNewline >= 0) {
        const lines = block.toString("utf8", 0, lastNewline).split("\n");
        if (this.#skipping) lines.shift();
        this.#skipping = false;
        this.#next += lastNewline + 1;
        length = BLOCK_BYTES;
        yield lines;
      } else if (bytesRead < length) {
        return;
      } else if (length < LINE_LIMIT_BYTES) {
        length *= 2;
      } else {
        this.#skipping = true;
        this.#next += bytesRead;
      }
    }
  }

  /** Where the last `count` whole lines begin, and how many there are if the file has fewer. Reads backwards, in blocks. */
  async startOfLast(count: number): Promise<{ offset: number; lines: number }> {
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    let lines = 0;
    for (let end = this.sizeBytes; end > 0; ) {
      const start = Math.max(0, end - BLOCK_BYTES);
      const { bytesRead } = await this.#handle.read(block, 0, end - start, start);
      let at = block.subarray(0, bytesRead).lastIndexOf(NEWLINE);
      while (at >= 0) {
        if (lines === count) return { offset: start + at + 1, lines };
        lines += 1;
        at = at === 0 ? -1 : block.lastIndexOf(NEWLINE, at - 1);
      }
      end = start;
    }
    return { offset: 0, lines };
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/**
 * Opens a log's files, oldest first: `path.2`, `path.1`, `path`. The writer may rotate meanwhile; what was opened is only
 * kept if the names still mean the same files afterwards. No file at all gives an empty list.
 */
export async function openLogFiles(path: string): Promise<LogFile[]> {
  for (let attempt = 1; ; attempt++) {
    const names = await namesOfLog(path);
    const opened = await Promise.all(names.map((name) => unlessAbsent(LogFile.open(name))));
    const files = opened.filter((file) => file !== undefined);
    const inodes = await Promise.all((await namesOfLog(path)).map(inodeOf));
    const settled =
      inodes.length === opened.length &&
      opened.every((file, at) => file !== undefined && file.inode === inodes[at]);
    if (settled || attempt === OPEN_ATTEMPTS) return files;
    await closeAll(files);
  }
}

export async function closeAll(files: readonly LogFile[]): Promise<void> {
  await Promise.all(files.map((file) => file.close()));
}

/** Which file the name means now; undefined: none. */
export async function inodeOf(path: string): Promise<number | undefined> {
  return (await unlessAbsent(stat(path)))?.ino;
}

async function namesOfLog(path: string): Promise<string[]> {
  const name = basename(path);
  const directory = dirname(path);
  const numbers = ((await unlessAbsent(readdir(directory))) ?? [])
    .filter((entry) => entry === name || entry.startsWith(`${name}.`))
    .map((entry) => (entry === name ? "0" : entry.slice(name.length + 1)))
    .filter((suffix) => /^\d{1,4}$/.test(suffix))
    .map(Number)
    .sort((left, right) => right - left);
  return numbers.map((number) => join(directory, number === 0 ? name : `${name}.${number}`));
}

async function unlessAbsent<T>(pending: Promise<T>): Promise<T | undefined> {
  try {
    return await pending;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
