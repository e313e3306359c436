import type { Socket } from "bun";
import { EngineError } from "../base/errors.ts";
import type { DaemonAddress } from "./docker-host.ts";
import type { HijackedStream, Transport, TransportRequest, TransportResponse } from "./transport.ts";

const HEAD_LIMIT_BYTES = 64 << 10;
/** Above this much unread output the socket is paused until the reader has caught up. */
const UNREAD_LIMIT_BYTES = 1 << 20;

/** The CLI's transport: `fetch` over a unix socket or loopback TCP, and `Bun.connect` where the stream is taken over. */
export class BunTransport implements Transport {
  readonly #address: DaemonAddress;
  readonly #origin: string;

  constructor(address: DaemonAddress) {
    this.#address = address;
    this.#origin =
      address.kind === "unix" ? "http://localhost" : `http://${address.hostname}:${address.port}`;
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    const headers: Record<string, string> = {};
    if (request.contentType !== undefined) headers["content-type"] = request.contentType;
    const init: BunFetchRequestInit = {
      method: request.method,
      headers,
      body: request.body,
      signal: request.signal,
      // A container may run silently for days between two bytes of its log.
      timeout: false,
    };
    if (this.#address.kind === "unix") init.unix = this.#address.path;
    try {
      return await fetch(this.#origin + request.path, init);
    } catch (error) {
      if (request.signal?.aborted === true) throw new EngineError("canceled", "canceled", { cause: error });
      throw this.#unreachable(error);
    }
  }

  hijack(path: string, body: string): Promise<HijackedStream | TransportResponse> {
    const head = [
      `POST ${path} HTTP/1.1`,
      `Host: ${this.#address.kind === "unix" ? "localhost" : this.#address.hostname}`,
      "Connection: Upgrade",
      "Upgrade: tcp",
      "Content-Type: application/json",
      `Content-Length: ${new TextEncoder().encode(body).length}`,
      "",
      body,
    ].join("\r\n");
    const { promise, resolve, reject } = Promise.withResolvers<HijackedStream | TransportResponse>();
    const connection = new HijackConnection(head, resolve, (error) => reject(this.#unreachable(error)));
    const socket = connection.handlers;
    const connecting =
      this.#address.kind === "unix"
        ? Bun.connect({ unix: this.#address.path, allowHalfOpen: true, socket })
        : Bun.connect({
            hostname: this.#address.hostname,
            port: this.#address.port,
            allowHalfOpen: true,
            socket,
          });
    connecting.catch((error) => reject(this.#unreachable(error)));
    return promise;
  }

  #unreachable(cause: unknown): EngineError {
    const { text } = this.#address;
    return new EngineError(
      "unavailable",
      `Cannot connect to the berth daemon at ${text}. Is the berth daemon running?`,
      {
        cause,
      },
    );
  }
}

/** One socket, from the request's head to its last byte. */
class HijackConnection implements HijackedStream {
  contentType = "";
  readonly output: AsyncIterable<Uint8Array>;
  #socket: Socket | undefined;
  #head: Uint8Array = new Uint8Array(0);
  #upgraded = false;
  #pendingWrite: { rest: Uint8Array; done: () => void } | undefined;
  readonly #queue = new ChunkQueue(
    () => this.#socket?.pause(),
    () => this.#socket?.resume(),
  );

  constructor(
    private readonly requestHead: string,
    private readonly settle: (value: HijackedStream | TransportResponse) => void,
    private readonly fail: (error: Error) => void,
  ) {
    this.output = this.#queue;
  }

  readonly handlers = {
    open: (socket: Socket) => {
      this.#socket = socket;
      socket.write(this.requestHead);
    },
    data: (_: Socket, data: Uint8Array) => {
      if (this.#upgraded) this.#queue.push(data);
      else this.#readHead(data);
    },
    drain: () => this.#flush(),
    end: () => this.#finish(),
    close: () => this.#finish(),
    error: (_: Socket, error: Error) => {
      this.fail(error);
      this.#finish();
    },
  };

  write(data: Uint8Array): Promise<void> {
    if (this.#socket === undefined || data.length === 0) return Promise.resolve();
    const written = this.#socket.write(data);
    // A negative count: the socket is closed, and input for an ended process is dropped as a pipe would.
    if (written < 0 || written === data.length) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#pendingWrite = { rest: data.subarray(written), done: resolve };
    return promise;
  }

  endInput(): void {
    this.#socket?.shutdown();
  }

  close(): void {
    this.#socket?.end();
    this.#finish();
  }

  #flush(): void {
    const pending = this.#pendingWrite;
    if (pending === undefined || this.#socket === undefined) return;
    const written = Math.max(0, this.#socket.write(pending.rest));
    pending.rest = pending.rest.subarray(written);
    if (pending.rest.length > 0) return;
    this.#pendingWrite = undefined;
    pending.done();
  }

  #readHead(data: Uint8Array): void {
    this.#head = Buffer.concat([this.#head, data]);
    const text = Buffer.from(this.#head).toString("latin1");
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) {
      if (this.#head.length > HEAD_LIMIT_BYTES) this.fail(new Error("the answer's head is too long"));
      return;
    }
    const { status, headers } = parseHead(text.slice(0, end));
    const rest = this.#head.subarray(end + 4);
    this.#upgraded = true;
    if (rest.length > 0) this.#queue.push(rest);
    this.contentType = headers.get("content-type") ?? "";
    this.settle(status === 101 || status === 200 ? this : this.#refusal(status, headers));
  }

  /** An error answer: a short JSON body whose length its header tells; chunked bodies end with the connection. */
  #refusal(status: number, headers: Headers): TransportResponse {
    const length = Number(headers.get("content-length") ?? "NaN");
    const text = async () => {
      let body = "";
      for await (const chunk of this.#queue) {
        body += Buffer.from(chunk).toString();
        if (body.length >= length || (Number.isNaN(length) && body.endsWith("0\r\n\r\n"))) break;
      }
      this.close();
      return Number.isNaN(length) ? body.slice(body.indexOf("{"), body.lastIndexOf("}") + 1) : body;
    };
    return { status, headers, body: null, text };
  }

  #finish(): void {
    this.#pendingWrite?.done();
    this.#pendingWrite = undefined;
    this.#queue.end();
    if (!this.#upgraded) this.fail(new Error("the connection was closed before an answer came"));
  }
}

function parseHead(text: string): { status: number; headers: Headers } {
  const [statusLine = "", ...lines] = text.split("\r\n");
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return { status: Number(statusLine.split(" ")[1] ?? "0"), headers };
}

/** Chunks between a socket that pushes and a reader that pulls; `pause` and `resume` keep it bounded. */
class ChunkQueue implements AsyncIterable<Uint8Array> {
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #paused = false;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(
    private readonly pause: () => void,
    private readonly resume: () => void,
  ) {}

  push(chunk: Uint8Array): void {
    // Bun may reuse the buffer after the handler has returned.
    this.#chunks.push(chunk.slice());
    this.#bytes += chunk.length;
    if (this.#bytes > UNREAD_LIMIT_BYTES && !this.#paused) {
      this.#paused = true;
      this.pause();
    }
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#bytes -= chunk.length;
        if (this.#paused && this.#bytes === 0) {
          this.#paused = false;
          this.resume();
        }
        yield chunk;
      } else if (this.#ended) return;
      else {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
        this.#wake = undefined;
      }
    }
  }
}
