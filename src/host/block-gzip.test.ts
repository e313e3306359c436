import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { gzipBlocks } from "./block-gzip.ts";

async function* inChunks(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function compress(bytes: Uint8Array, chunk: number): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(gzipBlocks(inChunks(bytes, chunk))));
}

const MIB = 1 << 20;
const text = new TextEncoder().encode("a line of a file\n".repeat(400_000));

describe("gzipBlocks", () => {
  test.each([0, 1, MIB - 1, MIB, MIB + 1, text.length])("%d bytes come back", async (length) => {
    const bytes = text.subarray(0, length);
    const packed = await compress(bytes, 65_536);
    expect(Buffer.compare(gunzipSync(packed), bytes)).toBe(0);
  });

  test("bytes that do not compress", async () => {
    const bytes = randomBytes(3 * MIB + 17);
    const packed = await compress(bytes, 100_000);
    expect(Buffer.compare(gunzipSync(packed), bytes)).toBe(0);
    expect(packed.length).toBeLessThan(bytes.length * 1.001 + 100);
  });

  test("the way in which the input is cut changes nothing", async () => {
    const [one, other] = await Promise.all([compress(text, 4096), compress(text, 3_000_000)]);
    expect(Buffer.compare(one, other)).toBe(0);
    expect(one.length).toBeLessThan(text.length / 20);
  });

  test("an error of the source arrives", async () => {
    async function* failing() {
      yield text.subarray(0, 2 * MIB);
      throw new Error("the disk is gone");
    }
    await expect(Array.fromAsync(gzipBlocks(failing()))).rejects.toThrow("the disk is gone");
  });

  test("a reader that leaves ends the source", async () => {
    let ended = false;
    async function* endless() {
      try {
        for (;;) yield text;
      } finally {
        ended = true;
      }
    }
    for await (const piece of gzipBlocks(endless())) if (piece.length > 100) break;
    expect(ended).toBe(true);
  });
});
