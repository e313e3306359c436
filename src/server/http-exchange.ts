/** An exchange over an ordinary response of node:http. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Shape } from "../api/json-shape.ts";
import { JSON_TYPE, RAW_STREAM } from "../api/media-types.ts";
import { EngineError } from "../base/errors.ts";
import type {
  Exchange,
  HijackExchange,
  MessageConnection,
  RequestHead,
  ResponseBody,
  TakenConnection,
} from "./exchange.ts";
import { decodeJson, hasBody, readBody } from "./json-body.ts";

type Headers = Readonly<Record<string, string>>;

export class HttpExchange implements Exchange, HijackExchange {
  readonly method: string;
  readonly path: string;
  readonly params: RequestHead["params"];
  readonly query: RequestHead["query"];
  readonly version: RequestHead["version"];
  readonly headers: RequestHead["headers"];
  readonly body: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #commonHeaders: Headers;
  readonly #shutdown: AbortSignal;
  #controller: AbortController | undefined;
  #bodyWasRead = false;

  /** `shutdown` ends what would stay open for long. */
  constructor(
    head: RequestHead,
    request: IncomingMessage,
    response: ServerResponse,
    commonHeaders: Headers,
    shutdown: AbortSignal,
  ) {
    this.method = head.method;
    this.path = head.path;
    this.params = head.params;
    this.query = head.query;
    this.version = head.version;
    this.headers = head.headers;
    this.body = request;
    this.#response = response;
    this.#commonHeaders = commonHeaders;
    this.#shutdown = shutdown;
  }

  /** Made when it is asked for: most requests need none. */
  get signal(): AbortSignal {
    if (this.#controller !== undefined) return this.#controller.signal;
    const controller = new AbortController();
    this.#controller = controller;
    const abort = () => controller.abort(new EngineError("canceled", "the client went away"));
    if (this.#shutdown.aborted || this.#response.destroyed) abort();
    this.#shutdown.addEventListener("abort", abort, { once: true });
    this.#response.on("close", () => {
      this.#shutdown.removeEventListener("abort", abort);
      if (!this.#response.writableFinished) abort();
    });
    return controller.signal;
  }

  async readJson<T>(shape: Shape<T>, name: string): Promise<T | undefined> {
    this.#bodyWasRead = true;
    return decodeJson(this.headers, await readBody(this.body, this.#shutdown), shape, name);
  }

  json(status: number, value: unknown): void {
    this.answer(status, JSON_TYPE, `${JSON.stringify(value)}\n`);
  }

  empty(status: number): void {
    // 204 and 304 never have a length; for the rest an explicit one spares the client a chunked body.
    const length = status === 204 || status === 304 ? undefined : { "Content-Length": "0" };
    this.#response.writeHead(status, { ...this.#commonHeaders, ...length });
    this.#response.end();
  }

  answer(status: number, contentType: string, body: string, headers?: Headers): void {
    this.#response.writeHead(status, {
      ...this.#commonHeaders,
      ...headers,
      "Content-Type": contentType,
      "Content-Length": Buffer.byteLength(body),
    });
    this.#response.end(body);
  }

  begin(status: number, contentType: string, headers?: Headers): ResponseBody {
    const response = this.#response;
    response.writeHead(status, { ...this.#commonHeaders, ...headers, "Content-Type": contentType });
    response.flushHeaders();
    return {
      write: (data) => (response.write(data) ? undefined : drained(response)),
      end: (data) => void response.end(data),
    };
  }

  /**
   * The client did not ask for an upgrade: the answer is a plain stream that ends with the connection, and the input is the
   * request's body as far as it was not needed for the parameters.
   */
  takeOver(): TakenConnection {
    const response = this.#response;
    response.shouldKeepAlive = false;
    response.useChunkedEncodingByDefault = false;
    response.removeHeader("Transfer-Encoding");
    response.writeHead(200, { ...this.#commonHeaders, "Content-Type": RAW_STREAM });
    response.flushHeaders();
    const canSend = !this.#bodyWasRead && hasBody(this.headers);
    return { input: canSend ? this.body : undefined, output: response };
  }

  takeOverWebSocket(): Promise<MessageConnection> {
    return Promise.reject(new EngineError("invalid", "this endpoint needs a WebSocket handshake"));
  }
}

/** Resolves when the stream takes more, or never will. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done);
      response.off("close", done);
      resolve();
    };
    response.on("drain", done);
    response.on("close", done);
    if (response.destroyed) done();
  });
}
