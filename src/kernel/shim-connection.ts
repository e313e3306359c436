/** The daemon's control connection to a shim: the implementation of ShimSession. */
import { join } from "node:path";
import { EngineError } from "../base/errors.ts";
import { FrameSocket } from "./frame-socket.ts";
import { encodeFrame, PayloadReader, PayloadWriter, type ReceivedFrame } from "./frames.ts";
import { attachProcess } from "./process-stream.ts";
import { Frame, PROTOCOL_VERSION, Role } from "./protocol.ts";
import { readExited, readHello, readState, requestFailure } from "./shim-answers.ts";
import {
  type ExitStatus,
  INIT_PROCESS,
  type ProcessStream,
  type ShimSession,
  type ShimState,
  type StreamSelection,
} from "./shim-session.ts";

/** A shim answers its greeting from its event loop at once; one that does not is stuck. */
const GREETING_TIMEOUT_MS = 10_000;

type ExitListener = (process: number, status: ExitStatus) => void;

interface PendingRequest {
  readonly resolve: (payload: Uint8Array) => void;
  readonly reject: (error: EngineError) => void;
}

/**
 * Opens a session with the shim that listens on `<directory>/shim.sock`, after its start as well as after the daemon's own
 * restart; an older session is replaced. Throws unavailable when none listens there or it is of another version.
 */
export async function connectShim(directory: string): Promise<ShimSession> {
  const connection = new ShimConnection(join(directory, "shim.sock"));
  await connection.open();
  return connection;
}

class ShimConnection implements ShimSession {
  readonly closed: Promise<void>;
  readonly #closed = Promise.withResolvers<void>();
  readonly #greeting = Promise.withResolvers<void>();
  readonly #pending = new Map<number, PendingRequest>();
  readonly #listeners: ExitListener[] = [];
  /** Exits that came before anybody listened; the init's stays for listeners to come. */
  readonly #exits = new Map<number, ExitStatus>();
  #socket: FrameSocket | undefined;
  #greeted = false;
  #lastId = 0;

  constructor(private readonly socketPath: string) {
    this.closed = this.#closed.promise;
  }

  async open(): Promise<void> {
    // A refusal may come before it is waited for.
    this.#greeting.promise.catch(() => {});
    const socket = await FrameSocket.connect(this.socketPath, {
      onFrame: (frame) => this.#onFrame(frame),
      onClose: () => this.#onClose(),
    });
    this.#socket = socket;
    const hello = new PayloadWriter().u32(PROTOCOL_VERSION).u32(Role.CONTROL).finish();
    socket.send(encodeFrame(Frame.HELLO, 0, hello)).catch(() => {});
    const timer = setTimeout(() => socket.close(), GREETING_TIMEOUT_MS);
    try {
      await this.#greeting.promise;
    } catch (error) {
      socket.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async prepare(plan: Uint8Array): Promise<{ pid: number }> {
    return { pid: new PayloadReader(await this.#request(Frame.PREPARE, plan)).u32() };
  }

  async launch(plan: Uint8Array): Promise<void> {
    await this.#request(Frame.LAUNCH, plan);
  }

  async exec(process: number, plan: Uint8Array): Promise<{ pid: number }> {
    const payload = new PayloadWriter().u32(process).rest(plan).finish();
    return { pid: new PayloadReader(await this.#request(Frame.EXEC, payload)).u32() };
  }

  async signal(process: number, signal: number): Promise<void> {
    await this.#request(Frame.SIGNAL, new PayloadWriter().u32(process).u32(signal).finish());
  }

  async resize(process: number, rows: number, columns: number): Promise<void> {
    await this.#request(Frame.RESIZE, new PayloadWriter().u32(process).u32(rows).u32(columns).finish());
  }

  async state(): Promise<ShimState> {
    return readState(await this.#request(Frame.STATE));
  }

  async abandon(): Promise<void> {
    await this.#request(Frame.ABANDON);
  }

  attach(process: number, streams: StreamSelection): Promise<ProcessStream> {
    return attachProcess(this.socketPath, process, streams);
  }

  onExit(listener: ExitListener): void {
    this.#listeners.push(listener);
    const missed = [...this.#exits];
    for (const process of this.#exits.keys()) {
      if (process !== INIT_PROCESS) this.#exits.delete(process);
    }
    // Not from inside the call: the caller may not be ready for its own listener yet.
    queueMicrotask(() => {
      for (const [process, status] of missed) listener(process, status);
    });
  }

  close(): void {
    this.#socket?.close();
  }

  #request(type: number, payload?: Uint8Array): Promise<Uint8Array> {
    const socket = this.#socket;
    if (socket === undefined) return Promise.reject(connectionLost());
    this.#lastId = (this.#lastId % 0xffffffff) + 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      // A failed send is followed by onClose, which rejects all that is pending; a frame that is too large is not sent.
      try {
        socket.send(encodeFrame(type, id, payload)).catch(() => {});
      } catch (error) {
        this.#pending.delete(id);
        reject(error);
      }
    });
  }

  #onFrame(frame: ReceivedFrame): void {
    if (!this.#greeted) {
      try {
        readHello(frame);
      } catch (error) {
        this.#greeting.reject(error);
        throw error;
      }
      this.#greeted = true;
      this.#greeting.resolve();
      return;
    }
    if (frame.type === Frame.EXITED) {
      const { process, status } = readExited(frame.payload);
      this.#exited(process, status);
      return;
    }
    const request = this.#pending.get(frame.id);
    this.#pending.delete(frame.id);
    if (request === undefined || (frame.type !== Frame.OK && frame.type !== Frame.ERROR)) {
      throw new EngineError("dataLoss", `unexpected message ${frame.type} of a shim`);
    }
    if (frame.type === Frame.OK) request.resolve(frame.payload);
    else request.reject(requestFailure(frame.payload));
  }

  #exited(process: number, status: ExitStatus): void {
    if (process === INIT_PROCESS || this.#listeners.length === 0) this.#exits.set(process, status);
    for (const listener of this.#listeners) listener(process, status);
  }

  #onClose(): void {
    this.#socket = undefined;
    this.#greeting.reject(connectionLost());
    for (const request of this.#pending.values()) request.reject(connectionLost());
    this.#pending.clear();
    this.#closed.resolve();
  }
}

function connectionLost(): EngineError {
  return new EngineError("unavailable", "the connection to the container's shim is lost");
}
