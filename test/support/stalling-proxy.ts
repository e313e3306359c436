/** A TCP relay before a registry that stops after a number of bytes, so that a transfer can be looked at half-way. */
import { connect, createServer, type Server, type Socket } from "node:net";
import { until } from "./until.ts";

export class StallingProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #allowedBytes = Number.POSITIVE_INFINITY;
  #passedBytes = 0;
  #resume: (() => void)[] = [];

  private constructor(targetPort: number) {
    this.#server = createServer((client) => this.#relay(client, connect(targetPort, "127.0.0.1")));
  }

  /** `target`: `127.0.0.1:5000`. */
  static async start(target: string): Promise<StallingProxy> {
    const proxy = new StallingProxy(Number(target.slice(target.lastIndexOf(":") + 1)));
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get host(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the proxy does not listen");
    return `127.0.0.1:${address.port}`;
  }

  /** Bytes that went to clients since the last `stallAfter` or `release`. */
  get passedBytes(): number {
    return this.#passedBytes;
  }

  /** Counts from now on; what comes after so many bytes waits for `release`. */
  stallAfter(bytes: number): void {
    this.#passedBytes = 0;
    this.#allowedBytes = bytes;
  }

  async stalled(): Promise<void> {
    await until("the transfer stalls", () => this.#passedBytes >= this.#allowedBytes);
  }

  release(): void {
    this.#passedBytes = 0;
    this.#allowedBytes = Number.POSITIVE_INFINITY;
    for (const resume of this.#resume.splice(0)) resume();
  }

  #relay(client: Socket, registry: Socket): void {
    for (const socket of [client, registry]) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        client.destroy();
        registry.destroy();
      });
    }
    client.pipe(registry);
    registry.on("data", (chunk: Buffer) => {
      const room = Math.max(0, this.#allowedBytes - this.#passedBytes);
      this.#passedBytes += chunk.length;
      if (chunk.length <= room) {
        if (!client.write(chunk)) this.#pauseUntil(registry, (resume) => client.once("drain", resume));
        return;
      }
      client.write(chunk.subarray(0, room));
      this.#pauseUntil(registry, (resume) =>
        this.#resume.push(() => {
          client.write(chunk.subarray(room));
          resume();
        }),
      );
    });
    registry.on("end", () => client.end());
  }

  #pauseUntil(registry: Socket, arrange: (resume: () => void) => void): void {
    registry.pause();
    arrange(() => registry.resume());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
