import { closeAll, inodeOf, type LogFile, openLogFiles } from "./logs-file.ts";

/** The files of a growing log as one sequence of lines: holds its place in it across rotations. */
export class LogTrail {
  readonly #path: string;
  /** Those not read to their end yet, oldest first. A file is kept open until its successor is: no line falls between. */
  #files: LogFile[];

  private constructor(path: string, files: LogFile[]) {
    this.#path = path;
    this.#files = files;
  }

  /** `tail`: begin that many lines before the end; undefined: with the first. */
  static async open(path: string, tail: number | undefined): Promise<LogTrail> {
    const files = await openLogFiles(path);
    try {
      if (tail !== undefined) await skipToTail(files, tail);
      return new LogTrail(path, files);
    } catch (error) {
      await closeAll(files);
      throw error;
    }
  }

  /** The lines of the files as they were when this was opened. To be called once. */
  async *snapshot(): AsyncGenerator<string[]> {
    for (const file of this.#files) yield* file.lines(file.sizeBytes);
  }

  /**
   * The lines up to the end as it is now; called again, it goes on from there. What is written or rotated after it has
   * looked is for the next call, and the directory's change tells of it.
   */
  async *growth(): AsyncGenerator<string[]> {
    if (this.#files.length === 0) this.#files = await openLogFiles(this.#path);
    for (;;) {
      const current = this.#files[0];
      if (current === undefined) return;
      // Asked before reading: a file that was replaced by then gets no more lines, so this reading is its last.
      const replaced = this.#files.length > 1 || (await this.#isReplaced(current));
      yield* current.lines();
      if (!replaced) return;
      if (this.#files.length === 1) this.#files.push(...(await this.#successorsOf(current)));
      if (this.#files.length === 1) return;
      this.#files.shift();
      await current.close();
    }
  }

  close(): Promise<void> {
    return closeAll(this.#files.splice(0));
  }

  /** False also in the moment of a rotation when nothing has the name. */
  async #isReplaced(file: LogFile): Promise<boolean> {
    const inode = await inodeOf(this.#path);
    return inode !== undefined && inode !== file.inode;
  }

  /** All files newer than `file`; when it was removed as the oldest, all there are. Its inode cannot be another's: it is open. */
  async #successorsOf(file: LogFile): Promise<LogFile[]> {
    const files = await openLogFiles(this.#path);
    const older = files.splice(0, files.findIndex(({ inode }) => inode === file.inode) + 1);
    await closeAll(older);
    return files;
  }
}

/** Drops the files and skips the bytes before the last `count` lines. */
async function skipToTail(files: LogFile[], count: number): Promise<void> {
  let missing = count;
  for (let at = files.length - 1; at >= 0; at--) {
    const file = files[at];
    if (file === undefined) continue;
    const { offset, lines } = await file.startOfLast(missing);
    file.seek(offset);
    missing -= lines;
    if (missing > 0) continue;
    await closeAll(files.splice(0, at));
    return;
  }
}
