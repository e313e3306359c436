import { describe, expect, test } from "bun:test";
import { encodeFrame, FrameDecoder } from "./stream-frames.ts";

describe("stream frames", () => {
  test("have Docker's header", () => {
    expect([...encodeFrame("stderr", Buffer.from("hi"))]).toEqual([2, 0, 0, 0, 0, 0, 0, 2, 0x68, 0x69]);
    const large = encodeFrame("stdout", new Uint8Array(0x01_02_03));
    expect([...large.subarray(0, 8)]).toEqual([1, 0, 0, 0, 0, 1, 2, 3]);
  });

  test("are found whatever the pieces", () => {
    const stream = Buffer.concat([
      encodeFrame("stdout", Buffer.from("out")),
      encodeFrame("stderr", Buffer.alloc(0)),
      encodeFrame("stderr", Buffer.from("error")),
    ]);
    for (let size = 1; size <= stream.length; size++) {
      const decoder = new FrameDecoder();
      const frames = [];
      for (let offset = 0; offset < stream.length; offset += size) {
        frames.push(...decoder.push(stream.subarray(offset, offset + size)));
      }
      const texts = frames.map((frame) => [frame.stream, Buffer.from(frame.data).toString()]);
      expect(texts).toEqual([
        ["stdout", "out"],
        ["stderr", ""],
        ["stderr", "error"],
      ]);
      expect(decoder.pendingBytes).toBe(0);
    }
  });

  test("a cut frame stays pending", () => {
    const decoder = new FrameDecoder();
    expect(decoder.push(encodeFrame("stdout", Buffer.from("abc")).subarray(0, 9))).toEqual([]);
    expect(decoder.pendingBytes).toBe(9);
  });

  test.each([[[9, 0, 0, 0, 0, 0, 0, 1]], [[1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]]])(
    "%p is no frame",
    (bytes) => {
      expect(() => new FrameDecoder().push(Uint8Array.from(bytes))).toThrow("unrecognized stream frame");
    },
  );
});
