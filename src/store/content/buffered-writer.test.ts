import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BufferedWriter } from "./buffered-writer.ts";

const MIB = 1 << 20;
const cases: readonly (readonly [string, number, number, boolean])[] = [
  ["nothing", 0, 1, true],
  ["less than a buffer", 5000, 999, true],
  ["whole buffers", 3 * MIB, 65_536, true],
  ["past the cache, with a rest", 3 * MIB + 12_345, 70_001, true],
  ["through the cache", 3 * MIB + 12_345, 70_001, false],
  ["one large chunk", 5 * MIB + 1, 6 * MIB, true],
];

test.each(cases)("%s", async (_, sizeBytes, chunkBytes, isDirect) => {
  const directory = mkdtempSync(join(tmpdir(), "berth-writer-"));
  try {
    const path = join(directory, "file");
    const content = new Uint8Array(sizeBytes).map((_, at) => at ^ (at >> 9));
    await using file = await open(path, "wx");
    await using writer = new BufferedWriter(file, 0, isDirect ? path : undefined);
    for (let at = 0; at < sizeBytes; at += chunkBytes) {
      // The caller's chunk may be overwritten as soon as it was taken.
      const chunk = content.slice(at, at + chunkBytes);
      await writer.append(chunk);
      chunk.fill(0);
    }
    expect(writer.sizeBytes).toBe(sizeBytes);
    await writer.flush();
    expect(Buffer.compare(readFileSync(path), content)).toBe(0);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("an error of the disk is thrown by the next call", async () => {
  await using file = await open("/dev/full", "w");
  await using writer = new BufferedWriter(file);
  await writer.append(new Uint8Array(10));
  await expect(writer.flush()).rejects.toMatchObject({ code: "ENOSPC" });
  await expect(writer.append(new Uint8Array(2 * MIB))).rejects.toMatchObject({ code: "ENOSPC" });
});
