/** One request and its answer, as the routers see them. */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Readable, Writable } from "node:stream";
import type { Shape } from "../api/json-shape.ts";
import type { ApiVersion } from "../api/version.ts";
import type { Query } from "./query.ts";

/** What is known of a request before its body. */
export interface RequestHead {
  readonly method: string;
  /** Decoded, without the version. */
  readonly path: string;
  /** The path's named parts. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly version: ApiVersion;
  readonly headers: IncomingHttpHeaders;
}

/** What every endpoint can answer with. Exactly one answer is given. */
export interface Answer {
  /** A value as JSON, with Go's newline at the end. */
  json(status: number, value: unknown): void;
  /** No body. */
  empty(status: number): void;
}

/** An ordinary request. */
export interface Exchange extends RequestHead, Answer {
  /** The body as it comes; fails when the client breaks off. */
  readonly body: IncomingMessage;
  /** Aborted when the client has gone or the server shuts down. */
  readonly signal: AbortSignal;
  /** Undefined for an empty body. Errors of the body are thrown in Docker's words. */
  readJson<T>(shape: Shape<T>, name: string): Promise<T | undefined>;
  answer(status: number, contentType: string, body: string, headers?: Readonly<Record<string, string>>): void;
  /** Sends the head at once and leaves the body open. */
  begin(status: number, contentType: string, headers?: Readonly<Record<string, string>>): ResponseBody;
}

export interface ResponseBody {
  /** Resolves when there is room for more; at once when the client has gone. */
  write(data: string | Uint8Array): Promise<void> | undefined;
  end(data?: string): void;
}

/** A request of which the connection can be taken over: attach and exec start. */
export interface HijackExchange extends RequestHead, Answer {
  readonly signal: AbortSignal;
  readJson<T>(shape: Shape<T>, name: string): Promise<T | undefined>;
  /** `upgraded` is the content type for a client that asked for an upgrade. */
  takeOver(upgraded: string): TakenConnection;
  /** Answers a WebSocket handshake. Throws invalid when the request is none. */
  takeOverWebSocket(): Promise<MessageConnection>;
}

/** A connection that carries bytes in both directions until both sides have ended. */
export interface TakenConnection {
  /** What the client sends; its end is the client's half-close. Undefined: this client has no way to send. */
  readonly input: Readable | undefined;
  readonly output: Writable;
}

/** A WebSocket. Closing is told by the signal of the exchange. */
export interface MessageConnection {
  /** One listener; the promise holds back further messages. */
  onMessage(listener: (data: Uint8Array) => Promise<void>): void;
  onClose(listener: () => void): void;
  /** Resolves when the message has left. */
  send(data: Uint8Array, binary: boolean): Promise<void>;
  close(): void;
}

export type Handler = (exchange: Exchange) => Promise<void> | void;
export type HijackHandler = (exchange: HijackExchange) => Promise<void>;
