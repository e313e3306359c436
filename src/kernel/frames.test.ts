import { describe, expect, test } from "bun:test";
import { encodeFrame, FrameParser, PayloadReader, PayloadWriter, type ReceivedFrame } from "./frames.ts";

function parseInPieces(bytes: Uint8Array, size: number): ReceivedFrame[] {
  const parser = new FrameParser();
  const frames: ReceivedFrame[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    frames.push(...parser.push(bytes.slice(at, at + size)));
  }
  expect(parser.isIdle).toBe(true);
  return frames;
}

describe("FrameParser", () => {
  const bytes = Buffer.concat([
    encodeFrame(1, 7, Uint8Array.of(1, 2, 3)),
    encodeFrame(2, 0),
    encodeFrame(65535, 0xffffffff, new Uint8Array(100).fill(9)),
    encodeFrame(3, 1),
  ]);

  test.each([1, 2, 5, 11, 12, 13, 16, 1000])("finds the frames in chunks of %d bytes", (size) => {
    const frames = parseInPieces(bytes, size);
    expect(frames.map(({ type, id, payload }) => [type, id, payload.length])).toEqual([
      [1, 7, 3],
      [2, 0, 0],
      [65535, 0xffffffff, 100],
      [3, 1, 0],
    ]);
    expect([...(frames[0]?.payload ?? [])]).toEqual([1, 2, 3]);
    expect(frames[2]?.payload.every((byte) => byte === 9)).toBe(true);
  });

  test("refuses a frame above its limit before its payload came", () => {
    const parser = new FrameParser(10);
    expect(() => [...parser.push(encodeFrame(1, 1, new Uint8Array(11)).subarray(0, 12))]).toThrow(
      "not a message",
    );
  });

  test("refuses a header with a reserved field that is not zero", () => {
    const frame = encodeFrame(1, 1);
    frame[6] = 1;
    expect(() => [...new FrameParser().push(frame)]).toThrow("not a message");
  });

  test("is not idle inside a frame", () => {
    const parser = new FrameParser();
    expect([...parser.push(encodeFrame(1, 1, Uint8Array.of(1, 2)).subarray(0, 13))]).toEqual([]);
    expect(parser.isIdle).toBe(false);
  });
});

describe("payloads", () => {
  test("come back as they were written", () => {
    const payload = new PayloadWriter()
      .u32(0xfffffffe)
      .u64(0xfffffffffffffffen)
      .string("mkdir é")
      .rest(Uint8Array.of(5, 6))
      .finish();
    const reader = new PayloadReader(payload);
    expect(reader.u32()).toBe(0xfffffffe);
    expect(reader.u64()).toBe(0xfffffffffffffffen);
    expect(reader.string()).toBe("mkdir é");
    expect([...reader.rest()]).toEqual([5, 6]);
    expect(reader.rest().length).toBe(0);
  });

  test("that are too short are refused", () => {
    expect(() => new PayloadReader(Uint8Array.of(1, 2, 3)).u32()).toThrow("too short");
    expect(() => new PayloadReader(new PayloadWriter().u32(100).finish()).string()).toThrow("too short");
  });

  test("above the largest frame are refused", () => {
    expect(() => encodeFrame(1, 1, new Uint8Array((4 << 20) + 1))).toThrow("too large");
  });
});
