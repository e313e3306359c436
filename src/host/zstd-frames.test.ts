import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { constants, zstdCompressSync } from "node:zlib";
import { ZstdFrameTracker } from "./zstd-frames.ts";

function tracked(bytes: Uint8Array, pieceSize = bytes.length): ZstdFrameTracker {
  const tracker = new ZstdFrameTracker();
  for (let at = 0; at < bytes.length; at += pieceSize) tracker.push(bytes.subarray(at, at + pieceSize));
  return tracker;
}

const withChecksum = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };

/** Compressed, raw, run-length and several blocks; every width of the size field. */
const FRAMES: Record<string, Uint8Array> = {
  empty: zstdCompressSync(Buffer.alloc(0)),
  tiny: zstdCompressSync(Buffer.from("abc"), withChecksum),
  text: zstdCompressSync(Buffer.from("line of text\n".repeat(3000)), withChecksum),
  raw: zstdCompressSync(randomBytes(300_000)),
  zeros: zstdCompressSync(Buffer.alloc(1 << 20)),
};

describe("a frame", () => {
  for (const [name, frame] of Object.entries(FRAMES)) {
    test(`of ${name} is complete at its last byte and nowhere before`, () => {
      expect(tracked(frame).isComplete).toBe(true);
      expect(tracked(frame, 7).isComplete).toBe(true);
      const tracker = new ZstdFrameTracker();
      const completeAt: number[] = [];
      frame.forEach((byte, at) => {
        tracker.push(new Uint8Array([byte]));
        if (tracker.isComplete) completeAt.push(at + 1);
      });
      expect(completeAt).toEqual([frame.length]);
    });
  }
});

test("frames may follow one another, skippable ones too", () => {
  const skippable = new Uint8Array([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9]);
  const nothing = new Uint8Array([0x5f, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]);
  const stream = Buffer.concat([skippable, ...Object.values(FRAMES), nothing, skippable]);
  expect(tracked(stream, 1000).isComplete).toBe(true);
  expect(tracked(stream.subarray(0, stream.length - 1), 1000).isComplete).toBe(false);
});

test("no bytes are no frame that is missing something", () => {
  expect(new ZstdFrameTracker().isComplete).toBe(true);
});
