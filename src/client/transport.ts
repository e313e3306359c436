/**
 * How the client reaches a daemon. A port, because importing `node:http` costs a command line 14 ms of its start: the CLI
 * has Bun's own (`bun-transport.ts`), Node programs bring one over `node:http`.
 */
export interface TransportRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** With version and query: `/v1.50/containers/json?all=1`. */
  readonly path: string;
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
  readonly contentType?: string;
  /** Further headers, by their lower-case names. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface TransportResponse {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: { get(name: string): string | null | undefined };
  /** To be read once, by this or by `text`; reading slowly slows the daemon down. */
  readonly body: AsyncIterable<Uint8Array>;
  text(): Promise<string>;
}

/** The raw byte stream after `101 UPGRADED`. */
export interface HijackedStream {
  readonly contentType: string;
  /** Ends when the daemon closes its side. Reading slowly slows the daemon down. */
  readonly output: AsyncIterable<Uint8Array>;
  /** Resolves when the socket took the bytes. */
  write(data: Uint8Array): Promise<void>;
  /** Half-close: no more input; output goes on. */
  endInput(): void;
  close(): void;
}

export interface Transport {
  /** Throws unavailable with Docker's sentence when no daemon listens. */
  request(request: TransportRequest): Promise<TransportResponse>;
  /** A hijack follows soon: its connection may be made meanwhile. */
  expectHijack(): void;
  /** A POST that becomes a stream. An answer other than 101 or 200 is thrown as `request`'s would be by the client. */
  hijack(path: string, body: string): Promise<HijackedStream | TransportResponse>;
}
