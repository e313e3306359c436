import { ptr } from "bun:ffi";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/** What positions, lengths and addresses of direct writes are multiples of; devices ask for 4096 at most. */
export const DIRECT_ALIGNMENT = 4096;

/**
 * A second descriptor of a file for writes that go past the page cache (O_DIRECT, open(2)); undefined where the file system has
 * none. For bytes that nobody reads again soon.
 */
export async function openDirect(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_WRONLY | constants.O_DIRECT);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EINVAL") return undefined;
    throw error;
  }
}

/** Memory that a direct write may come from. */
export function alignedBuffer(sizeBytes: number): Uint8Array {
  const memory = new Uint8Array(sizeBytes + DIRECT_ALIGNMENT);
  const start = (DIRECT_ALIGNMENT - (ptr(memory) % DIRECT_ALIGNMENT)) % DIRECT_ALIGNMENT;
  return memory.subarray(start, start + sizeBytes);
}
