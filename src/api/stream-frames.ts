/**
 * The framing that carries stdout and stderr on one connection (Engine API, "Stream format" of attach):
 * one byte of stream number, three zero bytes, the length as a big-endian 32-bit number, the data.
 */
import { EngineError } from "../base/errors.ts";

export type FrameStream = "stdin" | "stdout" | "stderr" | "systemError";

export interface Frame {
  readonly stream: FrameStream;
  readonly data: Uint8Array;
}

const HEADER_BYTES = 8;
const STREAMS: readonly FrameStream[] = ["stdin", "stdout", "stderr", "systemError"];
/** Nothing that writes frames makes larger ones; a peer that claims so is broken or hostile. */
const MAX_FRAME_BYTES = 64 * 1024 * 1024;

/** One frame, header and data in one piece, so that it leaves in one write. */
export function encodeFrame(stream: FrameStream, data: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + data.length);
  frame[0] = STREAMS.indexOf(stream);
  new DataView(frame.buffer).setUint32(4, data.length);
  frame.set(data, HEADER_BYTES);
  return frame;
}

/** Takes a framed stream apart, whatever the pieces in which it arrives. */
export class FrameDecoder {
  #rest: Uint8Array = new Uint8Array(0);

  /** The frames that are complete now. Throws invalid for what is no frame. */
  push(chunk: Uint8Array): Frame[] {
    let bytes = chunk;
    if (this.#rest.length > 0) {
      bytes = new Uint8Array(this.#rest.length + chunk.length);
      bytes.set(this.#rest);
      bytes.set(chunk, this.#rest.length);
    }
    const frames: Frame[] = [];
    let offset = 0;
    while (bytes.length - offset >= HEADER_BYTES) {
      const stream = STREAMS[bytes[offset] ?? STREAMS.length];
      const length = new DataView(bytes.buffer, bytes.byteOffset + offset).getUint32(4);
      if (stream === undefined || length > MAX_FRAME_BYTES) {
        throw new EngineError("invalid", `unrecognized stream frame: ${bytes[offset]}, ${length} bytes`);
      }
      if (bytes.length - offset - HEADER_BYTES < length) break;
      const start = offset + HEADER_BYTES;
      frames.push({ stream, data: bytes.subarray(start, start + length) });
      offset = start + length;
    }
    this.#rest = bytes.slice(offset);
    return frames;
  }

  /** Bytes of a frame that has not ended yet: not 0 at the end of a stream means that it was cut. */
  get pendingBytes(): number {
    return this.#rest.length;
  }
}
