import { EngineError } from "../base/errors.ts";
import { BunSocket } from "./bun-socket.ts";
import type { DaemonAddress } from "./docker-host.ts";
import { parseHead, type ResponseHead, requestHead } from "./http-head.ts";
import type { HijackedStream, Transport, TransportRequest, TransportResponse } from "./transport.ts";

const HEAD_LIMIT_BYTES = 64 << 10;
/** More than any message of a daemon that refuses. */
const REFUSAL_LIMIT_BYTES = 1 << 20;
const END_OF_HEAD = "\r\n\r\n";

/**
 * The CLI's transport: `fetch` over a unix socket or TCP, and `Bun.connect` where the stream is taken over. HTTP of our own
 * on `Bun.connect` for all of it was tried: half a millisecond slower, since fetch comes compiled.
 */
export class BunTransport implements Transport {
  #expected: Promise<BunSocket | undefined> | undefined;

  constructor(private readonly address: DaemonAddress) {}

  async request(request: TransportRequest): Promise<TransportResponse> {
    const { method, path, body, contentType, headers, signal } = request;
    const init: BunFetchRequestInit = {
      method,
      body: fetchBody(body),
      signal,
      // A container may run silently for days between two bytes of its log.
      timeout: false,
    };
    if (contentType !== undefined) init.headers = { ...headers, "content-type": contentType };
    else if (headers !== undefined) init.headers = { ...headers };
    if (this.address.kind === "unix") init.unix = this.address.path;
    try {
      const response = await fetch(`http://${this.#host}${path}`, init);
      return {
        status: response.status,
        headers: response.headers,
        get body() {
          return response.body ?? nothing();
        },
        text: () => response.text(),
      };
    } catch (error) {
      if (signal?.aborted === true) throw new EngineError("canceled", "canceled", { cause: error });
      throw this.#unreachable(error);
    }
  }

  expectHijack(): void {
    // A failure shows when the connection is needed.
    this.#expected ??= BunSocket.connect(this.address).catch(() => undefined);
  }

  async #connect(): Promise<BunSocket> {
    const expected = await this.#expected;
    this.#expected = undefined;
    // The daemon closes what says nothing for a while: the container's image may have been pulled meanwhile.
    if (expected !== undefined && !expected.closed) return expected;
    return await BunSocket.connect(this.address).catch((error) => {
      throw this.#unreachable(error);
    });
  }

  async hijack(path: string, body: string): Promise<HijackedStream | TransportResponse> {
    const socket = await this.#connect();
    const head = requestHead("POST", path, this.#host, {
      Connection: "Upgrade",
      Upgrade: "tcp",
      "Content-Type": "application/json",
      "Content-Length": String(new TextEncoder().encode(body).length),
    });
    try {
      await socket.write(head + body);
      const answer = await readHead(socket);
      const { status } = answer.head;
      if (status === 101 || status === 200) return takenOver(socket, answer);
      const text = await refusal(socket, answer);
      return { status, headers: answer.head.headers, body: nothing(), text: async () => text };
    } catch (error) {
      socket.close();
      throw error instanceof RangeError
        ? new EngineError("unavailable", `error during connect: ${error.message}`, { cause: error })
        : this.#unreachable(error);
    }
  }

  get #host(): string {
    return this.address.kind === "unix" ? "localhost" : `${this.address.hostname}:${this.address.port}`;
  }

  #unreachable(cause: unknown): EngineError {
    const { text } = this.address;
    return new EngineError(
      "unavailable",
      `Cannot connect to the berth daemon at ${text}. Is the berth daemon running?`,
      { cause },
    );
  }
}

/** Async iterables are read as fast as the socket takes them. */
function fetchBody(
  body: TransportRequest["body"],
): string | Uint8Array<ArrayBuffer> | ReadableStream | undefined {
  if (body === undefined || typeof body === "string" || body instanceof ReadableStream) return body;
  if (body instanceof Uint8Array) return new Uint8Array(body);
  const iterator = body[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const step = await iterator.next();
      if (step.done === true) controller.close();
      else controller.enqueue(step.value);
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

interface Answer {
  readonly head: ResponseHead;
  /** What came behind the head. */
  readonly rest: Uint8Array;
}

/** Throws RangeError for an answer that is none. */
async function readHead(socket: BunSocket): Promise<Answer> {
  let seen = new Uint8Array(0);
  for (;;) {
    const data = await socket.incoming.take();
    if (data === undefined) throw new RangeError("the connection was closed before an answer came");
    seen = new Uint8Array(Buffer.concat([seen, data]));
    const text = Buffer.from(seen.buffer).toString("latin1");
    const end = text.indexOf(END_OF_HEAD);
    if (end >= 0)
      return { head: parseHead(text.slice(0, end)), rest: seen.subarray(end + END_OF_HEAD.length) };
    if (seen.length > HEAD_LIMIT_BYTES) throw new RangeError("the answer's head is too long");
  }
}

function takenOver(socket: BunSocket, { head, rest }: Answer): HijackedStream {
  return {
    contentType: head.headers.get("content-type") ?? "",
    output: outputOf(socket, rest),
    write: (data) => socket.write(data),
    endInput: () => socket.endOutput(),
    close: () => socket.close(),
  };
}

async function* outputOf(socket: BunSocket, first: Uint8Array): AsyncGenerator<Uint8Array> {
  if (first.length > 0) yield first;
  for (let data = await socket.incoming.take(); data !== undefined; data = await socket.incoming.take()) {
    yield data;
  }
}

/** The short body of an error: as long as its head says, or up to the end of the connection. */
async function refusal(socket: BunSocket, { head, rest }: Answer): Promise<string> {
  const length = Number(head.headers.get("content-length") ?? REFUSAL_LIMIT_BYTES);
  const chunks = [rest];
  for (let size = rest.length; size < Math.min(length, REFUSAL_LIMIT_BYTES); ) {
    const data = await socket.incoming.take();
    if (data === undefined) break;
    chunks.push(data);
    size += data.length;
  }
  socket.close();
  return Buffer.concat(chunks).toString();
}
