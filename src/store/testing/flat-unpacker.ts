/** The kernel side of the store for unit tests: the same promises as the real one, without its privileges. */
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BugError } from "../../base/errors.ts";
import type { KernelHelper, LayerUnpacker, UnpackResult } from "../../kernel/shim-session.ts";
import { readTar } from "../../oci/tar-reader.ts";

/** Writes regular files; knows no owners, links or whiteouts. Stops at the end mark, as a tar program does. */
export class FlatUnpacker implements LayerUnpacker {
  unpacked = 0;

  async unpack(target: string, tar: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<UnpackResult> {
    if ((await readdir(target)).length > 0) throw new BugError(`${target} is not empty`);
    this.unpacked += 1;
    let sizeBytes = 0;
    for await (const entry of readTar(tar, { maxEntries: 1000, maxEntryBytes: 1 << 30 })) {
      signal?.throwIfAborted();
      if (entry.type !== "file") continue;
      const parts: Uint8Array[] = [];
      for await (const piece of entry.body) parts.push(piece.slice());
      const path = join(target, entry.name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, Buffer.concat(parts));
      sizeBytes += entry.size;
    }
    return { sizeBytes };
  }
}

export const plainKernel: Pick<KernelHelper, "removeTree" | "diskUsage"> = {
  removeTree: (path) => rm(path, { recursive: true, force: true }),
  diskUsage: async () => 0,
};
