/**
 * An exchange over the raw socket of node:http's `upgrade` event. Before the connection is taken over, answers are
 * written by hand and end the connection.
 */
import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { Shape } from "../api/json-shape.ts";
import { JSON_TYPE, MULTIPLEXED_STREAM, RAW_STREAM } from "../api/media-types.ts";
import { EngineError } from "../base/errors.ts";
import type { HijackExchange, MessageConnection, RequestHead, TakenConnection } from "./exchange.ts";
import { decodeJson } from "./json-body.ts";
import { acceptWebSocket } from "./websocket.ts";

/** A request whose client wants to leave HTTP, with its body read. */
export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What came after the request in the same packet. */
  readonly early: Buffer;
  readonly body: Buffer;
}

export class UpgradeExchange implements HijackExchange {
  readonly method: string;
  readonly path: string;
  readonly params: RequestHead["params"];
  readonly query: RequestHead["query"];
  readonly version: RequestHead["version"];
  readonly headers: RequestHead["headers"];
  readonly signal: AbortSignal;
  /** Whether an answer has left: an error can no longer be told. */
  answered = false;
  readonly #upgrade: UpgradeRequest;
  readonly #commonHeaders: Readonly<Record<string, string>>;

  /** `signal` is aborted when the socket has closed or the server shuts down. */
  constructor(
    head: RequestHead,
    upgrade: UpgradeRequest,
    commonHeaders: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ) {
    this.method = head.method;
    this.path = head.path;
    this.params = head.params;
    this.query = head.query;
    this.version = head.version;
    this.headers = head.headers;
    this.signal = signal;
    this.#upgrade = upgrade;
    this.#commonHeaders = commonHeaders;
  }

  async readJson<T>(shape: Shape<T>, name: string): Promise<T | undefined> {
    return decodeJson(this.headers, this.#upgrade.body, shape, name);
  }

  json(status: number, value: unknown): void {
    this.answered = true;
    const body = `${JSON.stringify(value)}\n`;
    endWithAnswer(this.#upgrade.socket, status, { ...this.#commonHeaders, "Content-Type": JSON_TYPE }, body);
  }

  empty(status: number): void {
    this.answered = true;
    endWithAnswer(this.#upgrade.socket, status, this.#commonHeaders, "");
  }

  takeOver(upgraded: string): TakenConnection {
    this.answered = true;
    const { socket, early } = this.#upgrade;
    // Docker's reason phrase, headers and their order: some clients look no further than the first line.
    const type = upgraded === MULTIPLEXED_STREAM ? MULTIPLEXED_STREAM : RAW_STREAM;
    const head = [`Content-Type: ${type}`, "Connection: Upgrade", "Upgrade: tcp"];
    for (const [name, value] of Object.entries(this.#commonHeaders)) head.push(`${name}: ${value}`);
    if (early.length > 0) socket.unshift(early);
    const text = `HTTP/1.1 101 UPGRADED\r\n${head.join("\r\n")}\r\n`;
    const agent = this.headers["user-agent"] ?? "";
    socket.write(`${DOCKER_PY.test(agent) ? padded(text) : text}\r\n`);
    return { input: socket, output: socket };
  }

  takeOverWebSocket(): Promise<MessageConnection> {
    const { request, socket, early } = this.#upgrade;
    if (request.headers.upgrade?.toLowerCase() !== "websocket") {
      return Promise.reject(new EngineError("invalid", "this endpoint needs a WebSocket handshake"));
    }
    this.answered = true;
    return acceptWebSocket(request, socket, early);
  }
}

const DOCKER_PY = /^docker-(sdk-python|py)\//;
/** io.DEFAULT_BUFFER_SIZE of Python until 3.14. */
const PYTHON_BUFFER_BYTES = 8192;

/**
 * docker-py lets http.client read the head through a buffer, then reads from the socket below it: output that was in the
 * socket by then is in the buffer, and lost. A head that fills the buffer leaves no room in it for anything else.
 */
function padded(head: string): string {
  const room = PYTHON_BUFFER_BYTES - Buffer.byteLength(`${head}X-Padding: \r\n\r\n`);
  return room < 0 ? head : `${head}X-Padding: ${"-".repeat(room)}\r\n`;
}

/** Writes one whole answer and closes the connection after it. */
export function endWithAnswer(
  socket: Duplex,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string,
): void {
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Unknown"}`, "Connection: close"];
  for (const [name, value] of Object.entries(headers)) head.push(`${name}: ${value}`);
  if (status !== 204 && status !== 304) head.push(`Content-Length: ${Buffer.byteLength(body)}`);
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => {
    // The other half is the client's to close; what it still sends is of no interest.
    socket.resume();
    socket.on("end", () => socket.destroy());
  });
}
