/** The port through which this client speaks HTTP: one exchange, no redirects, no retries, nothing decoded. */
import { EngineError } from "../../base/errors.ts";

export interface TlsSettings {
  /** PEM; undefined: the authorities that the runtime knows. */
  readonly ca: readonly string[] | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  /** False: any certificate will do. */
  readonly verify: boolean;
}

export interface HttpRequest {
  readonly method: string;
  /** `http:` or `https:`, without user and password. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** A stream is read as fast as the network takes it. */
  readonly body?: Uint8Array | string | AsyncIterable<Uint8Array> | undefined;
  readonly tls: TlsSettings;
  readonly proxy: string | undefined;
  /** Closes the connection, whatever is going on. */
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  /** Can be read once; must be read to its end or left, else the connection stays open. Throws the runtime's own errors. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives up a body that nobody wants. */
  discard(): Promise<void>;
}

/** Throws the runtime's own errors; `connection-errors.ts` reads them. */
export type HttpTransport = (request: HttpRequest) => Promise<HttpResponse>;

/**
 * Bun's fetch. Measured with Bun 1.4.5: a slow reader or a slow registry holds the other side back (2 GB either way leave the process
 * at or below 100 MB), aborting closes the socket, a body that ends before its Content-Length is an error, headers of some
 * hundred KiB are refused. It would take proxies from the environment by itself: `main` removes them there.
 */
export const fetchTransport: HttpTransport = async (request) => {
  const { tls } = request;
  const init: BunFetchRequestInit = {
    method: request.method,
    headers: request.headers,
    redirect: "manual",
    decompress: false,
    signal: request.signal,
    tls: {
      rejectUnauthorized: tls.verify,
      ...(tls.ca === undefined ? {} : { ca: [...tls.ca] }),
      ...(tls.certificate === undefined ? {} : { cert: tls.certificate, key: tls.key }),
    },
    ...(request.proxy === undefined ? {} : { proxy: request.proxy }),
    ...(request.body === undefined ? {} : { body: request.body }),
    // The caller counts the bytes; the runtime's own limit of five minutes would cut a slow registry's last step.
    ...{ timeout: false },
  };
  const response = await fetch(request.url, init);
  return {
    status: response.status,
    statusText: response.statusText,
    headers: response.headers,
    body: response.body ?? NOTHING,
    discard: async () => {
      if (response.body !== null && !response.bodyUsed) await response.body.cancel();
    },
  };
};

const NOTHING: AsyncIterable<Uint8Array> = {
  [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }),
};

/** Reads all of a body that is expected to be small. Throws invalid above `maxBytes`, having closed the connection. */
export async function readSmallBody(
  response: HttpResponse,
  maxBytes: number,
  what: string,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of response.body) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) throw new EngineError("invalid", `${what} is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The start of a body, however long it is. */
export async function readBodyStart(response: HttpResponse, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of response.body) {
    chunks.push(chunk.subarray(0, maxBytes - sizeBytes));
    sizeBytes += chunk.length;
    if (sizeBytes >= maxBytes) break;
  }
  return Buffer.concat(chunks);
}
