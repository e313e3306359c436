/**
 * Frames over a Unix socket. Bun's own socket, not `node:net`: it connects in half the time (0.2 ms against 0.4 ms), and a
 * container's start and each attached client pay for a connection.
 */
import { Buffer } from "node:buffer";
import type { Socket } from "bun";
import { EngineError, fromUnknown } from "../base/errors.ts";
import { FrameParser, type ReceivedFrame } from "./frames.ts";

export interface FrameSocketHandler {
  onFrame(frame: ReceivedFrame): void;
  /** Called once, when nothing more will come: the peer hung up, or `close` was called. */
  onClose(): void;
}

interface QueuedWrite {
  readonly bytes: Uint8Array;
  offset: number;
  readonly taken: () => void;
  readonly failed: (error: EngineError) => void;
}

const HUNG_UP = "the container's shim has closed the connection";

export class FrameSocket {
  readonly #parser = new FrameParser();
  readonly #writes: QueuedWrite[] = [];
  #socket: Socket<undefined> | undefined;
  #handler: FrameSocketHandler;

  private constructor(handler: FrameSocketHandler) {
    this.#handler = handler;
  }

  /** Throws unavailable when nobody listens at `path`. */
  static async connect(path: string, handler: FrameSocketHandler): Promise<FrameSocket> {
    // sun_path of unix(7): 108 bytes with its NUL. A longer name would be cut or refused with a message about something else.
    if (Buffer.byteLength(path) > 107) {
      throw new EngineError("invalid", `the path of a Unix socket may have at most 107 bytes: ${path}`);
    }
    const self = new FrameSocket(handler);
    try {
      await Bun.connect<undefined>({
        unix: path,
        socket: {
          open: (socket) => {
            self.#socket = socket;
          },
          data: (_socket, chunk) => self.#receive(chunk),
          drain: () => self.#flush(),
          end: () => self.close(),
          close: () => self.#closed(),
          error: () => self.close(),
        },
      });
    } catch (error) {
      const cause = fromUnknown(error);
      throw new EngineError("unavailable", `no shim answers at ${path}: ${cause.message}`, { cause: error });
    }
    return self;
  }

  /** Resolves when the kernel took all bytes. Throws unavailable when the connection is gone before that. */
  send(bytes: Uint8Array): Promise<void> {
    if (this.#socket === undefined) return Promise.reject(new EngineError("unavailable", HUNG_UP));
    return new Promise((taken, failed) => {
      this.#writes.push({ bytes, offset: 0, taken, failed });
      if (this.#writes.length === 1) this.#flush();
    });
  }

  /** Stops reading, so that the peer's writes block once the socket's buffer is full. */
  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  /** Drops what was not sent yet. */
  close(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#closed();
    socket.terminate();
  }

  #receive(chunk: Uint8Array): void {
    try {
      for (const frame of this.#parser.push(chunk)) {
        this.#handler.onFrame(frame);
        if (this.#socket === undefined) return;
      }
    } catch (error) {
      // Whoever does not speak the protocol is no peer; what is pending hears of it as a lost connection.
      this.close();
      if (!(error instanceof EngineError)) throw error;
    }
  }

  #flush(): void {
    while (this.#socket !== undefined) {
      const write = this.#writes[0];
      if (write === undefined) return;
      const count = this.#socket.write(write.bytes.subarray(write.offset));
      if (count < 0) {
        this.close();
        return;
      }
      write.offset += count;
      if (write.offset < write.bytes.length) return;
      this.#writes.shift();
      write.taken();
    }
  }

  #closed(): void {
    if (this.#socket === undefined) return;
    this.#socket = undefined;
    for (const write of this.#writes.splice(0)) write.failed(new EngineError("unavailable", HUNG_UP));
    this.#handler.onClose();
  }
}
