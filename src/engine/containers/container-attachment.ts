import type { ProcessStream, StreamSelection } from "../../kernel/shim-session.ts";
import type { ContainerProcess } from "../../runtime/container-runtime.ts";
import type { AttachedClient, OutputChunk } from "./container-use-cases.ts";
import type { PendingAttachment } from "./pending-attachments.ts";

export interface AttachmentOptions {
  readonly tty: boolean;
  /** `stdin` only where the container has one open. */
  readonly streams: StreamSelection;
  /** The end of this client's input is the end of the process's (`-i` without `-t`). */
  readonly closesInput: boolean;
  /** What was written before; sent first. */
  readonly replay: AsyncIterable<OutputChunk> | undefined;
  readonly onDetached: () => void;
  readonly onClosed: () => void;
}

const LAST_INPUT_MS = 1000;

/** One client of a container, perhaps of one that does not run yet: then its input waits and its output begins with the start. */
export class ContainerAttachment implements AttachedClient, PendingAttachment {
  readonly tty: boolean;
  readonly output: AsyncIterable<OutputChunk>;
  readonly #options: AttachmentOptions;
  /** Undefined inside: there will be none. */
  readonly #stream = Promise.withResolvers<ProcessStream | undefined>();
  /** Writes go out one after the other; the end of the input comes after the last. */
  #input: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: AttachmentOptions) {
    this.#options = options;
    this.tty = options.tty;
    this.output = this.#run();
  }

  async connect(process: ContainerProcess): Promise<void> {
    try {
      this.connected(await process.attach(this.#options.streams));
    } catch {
      // The shim is gone: the start itself will say so.
      this.giveUp();
    }
  }

  connected(stream: ProcessStream): void {
    if (this.#closed) stream.close();
    this.#stream.resolve(stream);
  }

  giveUp(): void {
    this.#stream.resolve(undefined);
  }

  write(data: Uint8Array): Promise<void> {
    if (!this.#options.streams.stdin || this.#closed) return Promise.resolve();
    const written = this.#input.then(async () => (await this.#stream.promise)?.write(data));
    this.#input = written.catch(() => undefined);
    return written;
  }

  /**
   * As moby (daemon/internal/stream/attach.go): it closes the process's stdin where that belongs to this client; otherwise it
   * ends the attachment, since the client has nothing more to say. A client that never had stdin says nothing by this.
   */
  endInput(): void {
    if (!this.#options.streams.stdin || this.#closed) return;
    if (this.#options.closesInput) this.#input = this.#afterInput((stream) => stream.endInput());
    else this.#input.then(() => this.close());
  }

  detached(): void {
    if (this.#closed) return;
    this.#options.onDetached();
    // Keys that were typed to leave are no end of the input: the process goes on with its stdin open.
    this.#leave();
  }

  close(): void {
    if (this.#closed) return;
    if (this.#options.closesInput && this.#options.streams.stdin) {
      this.#input = this.#afterInput((stream) => stream.endInput());
    }
    this.#leave();
  }

  /** What the client sent last may still be on its way; but a process that does not read must not keep its output waiting. */
  #leave(): void {
    this.#closed = true;
    this.#options.onClosed();
    // Without a stream by now, nobody is to wait for one.
    this.giveUp();
    const timer = setTimeout(() => this.#stream.promise.then((stream) => stream?.close()), LAST_INPUT_MS);
    this.#afterInput((stream) => stream.close()).finally(() => clearTimeout(timer));
  }

  #afterInput(action: (stream: ProcessStream) => void): Promise<void> {
    return this.#input.then(async () => {
      const stream = await this.#stream.promise;
      if (stream !== undefined) action(stream);
    });
  }

  async *#run(): AsyncGenerator<OutputChunk, void, undefined> {
    try {
      if (this.#options.replay !== undefined && !this.#closed) yield* this.#options.replay;
      const stream = await this.#stream.promise;
      if (stream !== undefined) yield* stream.output;
    } finally {
      this.close();
    }
  }
}
