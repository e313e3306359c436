/** An attached client of one process of a container, on a connection of its own. */
import { EngineError } from "../base/errors.ts";
import { FrameSocket } from "./frame-socket.ts";
import { encodeFrame, PayloadWriter, type ReceivedFrame } from "./frames.ts";
import { Attach, Frame, PROTOCOL_VERSION, Role } from "./protocol.ts";
import { readHello, requestFailure } from "./shim-answers.ts";
import type { ProcessStream, StreamSelection } from "./shim-session.ts";

/** Read from the socket but not yet by the consumer: above this the socket is paused, and in the end the process blocks. */
const UNREAD_MAX_BYTES = 256 * 1024;
/** The shim refuses larger frames of a client (STREAM_FRAME_MAX in native/shim/shim.h). */
const INPUT_CHUNK_BYTES = 64 * 1024;

interface OutputChunk {
  readonly stream: "stdout" | "stderr";
  readonly data: Uint8Array;
}

function maskOf(streams: StreamSelection): number {
  return (
    (streams.stdin ? Attach.STDIN : 0) |
    (streams.stdout ? Attach.STDOUT : 0) |
    (streams.stderr ? Attach.STDERR : 0)
  );
}

/**
 * Attaches to a process of the shim that listens on `socketPath`. Resolves when the shim has noted the client: from then on
 * no output is missed. Throws unavailable when the shim is gone.
 */
export async function attachProcess(
  socketPath: string,
  process: number,
  streams: StreamSelection,
): Promise<ProcessStream> {
  const stream = new ShimProcessStream();
  await stream.open(socketPath, process, maskOf(streams));
  return stream;
}

class ShimProcessStream implements ProcessStream {
  readonly #chunks: OutputChunk[] = [];
  readonly #attached = Promise.withResolvers<void>();
  #socket: FrameSocket | undefined;
  #unreadBytes = 0;
  #paused = false;
  #ended = false;
  #iterated = false;
  #wake: (() => void) | undefined;
  #greeted = false;

  async open(socketPath: string, process: number, mask: number): Promise<void> {
    // A refusal may come before it is waited for.
    this.#attached.promise.catch(() => {});
    const socket = await FrameSocket.connect(socketPath, {
      onFrame: (frame) => this.#onFrame(frame),
      onClose: () => this.#onClose(),
    });
    this.#socket = socket;
    const hello = new PayloadWriter().u32(PROTOCOL_VERSION).u32(Role.STREAM).finish();
    const attach = new PayloadWriter().u32(process).u32(mask).finish();
    const opening = Buffer.concat([encodeFrame(Frame.HELLO, 0, hello), encodeFrame(Frame.ATTACH, 1, attach)]);
    // A shim that hangs up fails both; the second is the one that is waited for.
    socket.send(opening).catch(() => {});
    try {
      await this.#attached.promise;
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  get output(): AsyncIterable<OutputChunk> {
    return { [Symbol.asyncIterator]: () => this.#iterate() };
  }

  async write(data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length; at += INPUT_CHUNK_BYTES) {
      const socket = this.#socket;
      // Input for an ended process is dropped, as a pipe would.
      if (socket === undefined || this.#ended) return;
      try {
        await socket.send(encodeFrame(Frame.STDIN, 0, data.subarray(at, at + INPUT_CHUNK_BYTES)));
      } catch {
        return;
      }
    }
  }

  endInput(): void {
    this.#socket?.send(encodeFrame(Frame.STDIN_EOF, 0)).catch(() => {});
  }

  close(): void {
    this.#chunks.length = 0;
    this.#socket?.close();
    this.#onClose();
  }

  /** One consumer: chunks are handed out once. */
  async *#iterate(): AsyncGenerator<OutputChunk, void, undefined> {
    if (this.#iterated)
      throw new EngineError("conflict", "the output of an attached process is read already");
    this.#iterated = true;
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
          this.#unreadBytes -= chunk.data.length;
          if (this.#paused && this.#unreadBytes <= UNREAD_MAX_BYTES / 2) {
            this.#paused = false;
            this.#socket?.resume();
          }
          yield chunk;
        } else if (this.#ended) {
          return;
        } else {
          await new Promise<void>((wake) => {
            this.#wake = wake;
          });
        }
      }
    } finally {
      // A consumer that has left early must not leave the process blocked behind a full socket.
      if (!this.#ended) this.close();
    }
  }

  #onFrame(frame: ReceivedFrame): void {
    if (!this.#greeted) {
      this.#greet(frame);
      return;
    }
    switch (frame.type) {
      case Frame.OK:
        this.#attached.resolve();
        break;
      case Frame.ERROR:
        this.#attached.reject(requestFailure(frame.payload));
        break;
      case Frame.STDOUT:
        this.#take({ stream: "stdout", data: frame.payload });
        break;
      case Frame.STDERR:
        this.#take({ stream: "stderr", data: frame.payload });
        break;
      case Frame.END:
        this.#finish();
        this.#socket?.close();
        break;
      default:
        throw new EngineError("dataLoss", `unexpected message ${frame.type} of a shim`);
    }
  }

  #greet(frame: ReceivedFrame): void {
    try {
      readHello(frame);
    } catch (error) {
      this.#attached.reject(error);
      throw error;
    }
    this.#greeted = true;
  }

  #take(chunk: OutputChunk): void {
    this.#chunks.push(chunk);
    this.#unreadBytes += chunk.data.length;
    if (!this.#paused && this.#unreadBytes > UNREAD_MAX_BYTES) {
      this.#paused = true;
      this.#socket?.pause();
    }
    this.#notify();
  }

  #onClose(): void {
    this.#attached.reject(new EngineError("unavailable", "the container's shim has closed the connection"));
    this.#finish();
  }

  #finish(): void {
    this.#ended = true;
    this.#notify();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
