import type { Socket } from "bun";
import { ChunkQueue } from "./chunk-queue.ts";
import type { DaemonAddress } from "./docker-host.ts";

/** One connection to a daemon: bytes both ways, each side closed on its own, neither read faster than it is used. */
export class BunSocket {
  readonly incoming = new ChunkQueue(
    () => this.#socket?.pause(),
    () => this.#socket?.resume(),
  );
  #socket: Socket | undefined;
  #unsent: { rest: Uint8Array; sent: () => void } | undefined;

  /** Resolves when connected. Rejects with the system's error. */
  static connect(address: DaemonAddress): Promise<BunSocket> {
    const connection = new BunSocket();
    const { promise, resolve, reject } = Promise.withResolvers<BunSocket>();
    const socket = {
      open: (opened: Socket) => {
        connection.#socket = opened;
        resolve(connection);
      },
      // The runtime may use its buffer again.
      data: (_: Socket, data: Uint8Array) => connection.incoming.push(data.slice()),
      drain: () => connection.#flush(),
      end: () => connection.#finish(),
      close: () => connection.#finish(),
      error: (_: Socket, error: Error) => connection.#finish(error),
      connectError: (_: Socket, error: Error) => reject(error),
    };
    const connecting =
      address.kind === "unix"
        ? Bun.connect({ unix: address.path, allowHalfOpen: true, socket })
        : Bun.connect({ hostname: address.hostname, port: address.port, allowHalfOpen: true, socket });
    connecting.catch(reject);
    return promise;
  }

  /** Resolves when the socket took the bytes. Those for a side that is gone are dropped, as a pipe would. */
  write(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    if (this.#socket === undefined || bytes.length === 0) return Promise.resolve();
    const written = this.#socket.write(bytes);
    if (written < 0 || written === bytes.length) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#unsent = { rest: bytes.subarray(written), sent: resolve };
    return promise;
  }

  endOutput(): void {
    this.#socket?.shutdown();
  }

  close(): void {
    this.#socket?.end();
    this.#finish();
  }

  get closed(): boolean {
    return this.incoming.ended;
  }

  #flush(): void {
    const unsent = this.#unsent;
    if (unsent === undefined || this.#socket === undefined) return;
    const written = this.#socket.write(unsent.rest);
    // A negative count: the socket is closed.
    unsent.rest = written < 0 ? new Uint8Array(0) : unsent.rest.subarray(written);
    if (unsent.rest.length > 0) return;
    this.#unsent = undefined;
    unsent.sent();
  }

  #finish(error?: Error): void {
    this.#unsent?.sent();
    this.#unsent = undefined;
    this.incoming.end(error);
  }
}
