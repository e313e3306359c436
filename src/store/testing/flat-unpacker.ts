/** The kernel side of the store for unit tests: the same promises as the real one, without its privileges. */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BugError } from "../../base/errors.ts";
import { sha256 } from "../../host/hashing.ts";
import { decompress } from "../../host/stream-decompression.ts";
import type { KernelHelper, LayerFile, LayerUnpacker, UnpackResult } from "../../kernel/shim-session.ts";
import { readTar } from "../../oci/tar-reader.ts";
import { bodyOf } from "./image-archives.ts";

/** Writes regular files; knows no owners, links or whiteouts. Stops at the end mark, as a tar program does. */
export class FlatUnpacker implements LayerUnpacker {
  unpacked = 0;
  syncs = 0;

  async unpack(
    target: string,
    layer: LayerFile | AsyncIterable<Uint8Array>,
    signal: AbortSignal = new AbortController().signal,
    onProgress?: (inputBytes: number) => void,
  ): Promise<UnpackResult> {
    if ((await readdir(target)).length > 0) throw new BugError(`${target} is not empty`);
    this.unpacked += 1;
    const bytes = "path" in layer ? await readFile(layer.path) : await collect(layer, signal);
    const tar = "path" in layer ? await collect(decompress(bodyOf(bytes)), signal) : bytes;
    let sizeBytes = 0;
    for await (const entry of readTar(bodyOf(tar), { maxEntries: 1000, maxEntryBytes: 1 << 30 })) {
      signal.throwIfAborted();
      if (entry.type !== "file") continue;
      const path = join(target, entry.name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, await collect(entry.body, signal));
      sizeBytes += entry.size;
    }
    onProgress?.(bytes.length);
    return { sizeBytes, diffId: `sha256:${sha256(tar)}`, inputDigest: `sha256:${sha256(bytes)}` };
  }

  async sync(): Promise<void> {
    this.syncs += 1;
  }
}

async function collect(source: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const piece of source) {
    signal.throwIfAborted();
    parts.push(piece.slice());
  }
  signal.throwIfAborted();
  return Buffer.concat(parts);
}

export const plainKernel: Pick<KernelHelper, "removeTree" | "diskUsage"> = {
  removeTree: (path) => rm(path, { recursive: true, force: true }),
  diskUsage: async () => 0,
};
