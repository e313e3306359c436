/** Frames of the native helpers' sockets; layout and numbers: `native/include/protocol.h`. */
import { EngineError } from "../base/errors.ts";
import { FRAME_HEADER_BYTES, FRAME_MAX_BYTES } from "./protocol.ts";

export interface ReceivedFrame {
  readonly type: number;
  readonly id: number;
  /** May share memory with the chunk that was pushed: copy it to keep it beyond the chunk's own life. */
  readonly payload: Uint8Array;
}

const EMPTY = new Uint8Array(0);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The bytes of one frame. Throws invalid when `payload` is larger than any peer accepts. */
export function encodeFrame(type: number, id: number, payload: Uint8Array = EMPTY): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  bytes.set(encodeFrameHeader(type, id, payload.length));
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

/** Only the header, for senders that do not want to copy a large payload behind it. */
export function encodeFrameHeader(type: number, id: number, payloadLength: number): Uint8Array {
  if (payloadLength > FRAME_MAX_BYTES) {
    throw new EngineError("invalid", `a message of ${payloadLength} bytes to a native process is too large`);
  }
  const header = new Uint8Array(FRAME_HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint32(0, payloadLength, true);
  view.setUint16(4, type, true);
  view.setUint32(8, id, true);
  return header;
}

/**
 * Cuts a byte stream into frames. Whole frames inside one chunk are not copied; a frame that is spread over several
 * chunks is collected in a buffer of its own size, which is at most `maxBytes`.
 */
export class FrameParser {
  readonly #header = new Uint8Array(FRAME_HEADER_BYTES);
  #headerLength = 0;
  #pending: { type: number; id: number; payload: Uint8Array; filled: number } | undefined;

  constructor(private readonly maxBytes: number = FRAME_MAX_BYTES) {}

  /** True between frames: an end of the stream here is no loss. */
  get isIdle(): boolean {
    return this.#headerLength === 0 && this.#pending === undefined;
  }

  /** Yields the frames that `chunk` completes. Throws dataLoss when the peer does not speak the protocol. */
  *push(chunk: Uint8Array): Generator<ReceivedFrame, void, undefined> {
    let at = 0;
    while (at < chunk.length) {
      if (this.#pending === undefined) {
        const taken = Math.min(FRAME_HEADER_BYTES - this.#headerLength, chunk.length - at);
        this.#header.set(chunk.subarray(at, at + taken), this.#headerLength);
        this.#headerLength += taken;
        at += taken;
        if (this.#headerLength < FRAME_HEADER_BYTES) return;
        this.#headerLength = 0;
        const { length, type, id } = this.#parseHeader();
        if (chunk.length - at >= length) {
          yield { type, id, payload: chunk.subarray(at, at + length) };
          at += length;
          continue;
        }
        this.#pending = { type, id, payload: new Uint8Array(length), filled: 0 };
      }
      const pending = this.#pending;
      const taken = Math.min(pending.payload.length - pending.filled, chunk.length - at);
      pending.payload.set(chunk.subarray(at, at + taken), pending.filled);
      pending.filled += taken;
      at += taken;
      if (pending.filled < pending.payload.length) return;
      this.#pending = undefined;
      yield { type: pending.type, id: pending.id, payload: pending.payload };
    }
  }

  #parseHeader(): { length: number; type: number; id: number } {
    const view = new DataView(this.#header.buffer);
    const length = view.getUint32(0, true);
    if (length > this.maxBytes || view.getUint16(6, true) !== 0) {
      throw new EngineError(
        "dataLoss",
        "a native process sent something that is not a message of its protocol",
      );
    }
    return { length, type: view.getUint16(4, true), id: view.getUint32(8, true) };
  }
}

/** Builds a payload: little-endian numbers, strings as u32 length and UTF-8 bytes. */
export class PayloadWriter {
  readonly #parts: Uint8Array[] = [];

  u32(value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    this.#parts.push(bytes);
    return this;
  }

  u64(value: bigint): this {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    this.#parts.push(bytes);
    return this;
  }

  string(text: string): this {
    const bytes = encoder.encode(text);
    this.u32(bytes.length);
    this.#parts.push(bytes);
    return this;
  }

  /** Bytes without a length of their own: the last part of a payload. */
  rest(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    return this;
  }

  finish(): Uint8Array {
    const bytes = new Uint8Array(this.#parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }
}

/** Reads a payload; every getter throws dataLoss when it is too short. */
export class PayloadReader {
  readonly #view: DataView;
  #at = 0;

  constructor(private readonly payload: Uint8Array) {
    this.#view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  string(): string {
    const length = this.u32();
    const at = this.#take(length);
    return decoder.decode(this.payload.subarray(at, at + length));
  }

  rest(): Uint8Array {
    return this.payload.subarray(this.#take(this.payload.length - this.#at));
  }

  #take(length: number): number {
    const at = this.#at;
    if (at + length > this.payload.length) {
      throw new EngineError("dataLoss", "a native process sent a message that is too short");
    }
    this.#at = at + length;
    return at;
  }
}
