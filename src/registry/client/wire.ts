/** One HTTP exchange with limits on time: proxies and certificates chosen, failures in Docker's words. */
import { EngineError } from "../../base/errors.ts";
import { tlsOfDelegate } from "./certificates.ts";
import { brokenBody, connectionError, timeoutError } from "./connection-errors.ts";
import type { HttpRequest, HttpResponse, HttpTransport, TlsSettings } from "./http-transport.ts";
import { proxyFor } from "./proxy-choice.ts";
import type { RegistrySettings } from "./registry-settings.ts";

export interface Exchange {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: HttpRequest["body"];
  /** For the registry on whose behalf this is. */
  readonly tls: TlsSettings;
  /** `tls` was made for this host; others get their own certificates added. */
  readonly tlsHost: string;
  readonly settings: RegistrySettings;
  readonly signal: AbortSignal;
  /** Until the head of the answer is there, counted from the last byte of the request. */
  readonly answerTimeoutMs: number;
}

const MAX_DRAINED_BYTES = 64 << 10;

const WAITING_FOR_ANSWER =
  "net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)";

export class Wire {
  constructor(
    private readonly transport: HttpTransport,
    private readonly userAgent: string,
  ) {}

  /**
   * Throws canceled or unavailable, the former exactly when `exchange.signal` has aborted. The body of the answer throws unavailable when it
   * breaks off or when no byte comes for `settings.stallTimeoutMs` although somebody waits for one.
   */
  async send(exchange: Exchange): Promise<HttpResponse> {
    const { method, url, settings, signal } = exchange;
    throwIfCanceled(signal);
    const abort = new AbortController();
    const proxy = proxyFor(url, settings.proxies);
    const tls =
      url.host === exchange.tlsHost ? exchange.tls : await tlsOfDelegate(url.host, exchange.tls, settings);
    const guard = new Guard(signal, abort);
    guard.expect(exchange.answerTimeoutMs);
    try {
      const response = await this.transport({
        method,
        url,
        headers: { "User-Agent": this.userAgent, "Accept-Encoding": "identity", ...exchange.headers },
        body: watched(exchange, guard),
        tls,
        proxy,
        signal: abort.signal,
      });
      guard.answered();
      return guarded(response, guard, exchange);
    } catch (error) {
      guard.end();
      throwIfCanceled(signal);
      if (guard.timedOut) throw timeoutError(method, url, WAITING_FOR_ANSWER);
      if (guard.sourceFailure !== undefined) throw guard.sourceFailure.error;
      throw await connectionError(error, { method, url, proxied: proxy !== undefined });
    }
  }
}

export function throwIfCanceled(signal: AbortSignal): void {
  if (signal.aborted) throw new EngineError("canceled", "canceled", { cause: signal.reason });
}

/** Closes the connection when the caller goes away or when nothing comes for too long. */
class Guard {
  timedOut = false;
  /** What the stream that is being sent ended with: not the registry's fault. */
  sourceFailure: { readonly error: unknown } | undefined;
  #sending = true;
  #timer: NodeJS.Timeout | undefined;
  readonly #leave: () => void;

  constructor(
    private readonly signal: AbortSignal,
    private readonly abort: AbortController,
  ) {
    this.#leave = () => abort.abort(signal.reason);
    if (signal.aborted) this.#leave();
    else signal.addEventListener("abort", this.#leave, { once: true });
  }

  expect(withinMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.timedOut = true;
      this.abort.abort(new Error("timed out"));
    }, withinMs);
  }

  /** As `expect` while the request is being sent; a runtime may still end its body when the answer is there already. */
  expectWhileSending(withinMs: number): void {
    if (this.#sending) this.expect(withinMs);
  }

  answered(): void {
    this.#sending = false;
    this.rest();
  }

  /** Nothing is waited for: the other end of the stream is somebody else's pace. */
  rest(): void {
    clearTimeout(this.#timer);
  }

  end(): void {
    this.#sending = false;
    clearTimeout(this.#timer);
    this.signal.removeEventListener("abort", this.#leave);
  }
}

/** Each piece of a request's body has a time limit too: a registry that stops reading has stalled. */
function watched({ body, settings, answerTimeoutMs }: Exchange, guard: Guard): HttpRequest["body"] {
  if (body === undefined || typeof body === "string" || body instanceof Uint8Array) return body;
  return (async function* () {
    const iterator = body[Symbol.asyncIterator]();
    let ended = false;
    try {
      while (true) {
        guard.rest();
        const next = await iterator.next();
        if (next.done) break;
        guard.expectWhileSending(settings.stallTimeoutMs);
        yield next.value;
      }
      ended = true;
    } catch (error) {
      ended = true;
      guard.sourceFailure = { error };
      throw error;
    } finally {
      guard.expectWhileSending(answerTimeoutMs);
      if (!ended) await iterator.return?.();
    }
  })();
}

function guarded(response: HttpResponse, guard: Guard, exchange: Exchange): HttpResponse {
  const { method, url, signal, settings } = exchange;
  async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
    const iterator = response.body[Symbol.asyncIterator]();
    let ended = false;
    try {
      while (true) {
        guard.expect(settings.stallTimeoutMs);
        const next = await iterator.next();
        guard.rest();
        if (next.done) break;
        yield next.value;
      }
      ended = true;
    } catch (error) {
      ended = true;
      throwIfCanceled(signal);
      if (guard.timedOut)
        throw timeoutError(method, url, `no data for ${Math.round(settings.stallTimeoutMs / 1000)} seconds`);
      throw brokenBody(error, method, url);
    } finally {
      guard.end();
      if (!ended) await iterator.return?.();
    }
  }
  return {
    status: response.status,
    statusText: response.statusText,
    headers: response.headers,
    body: { [Symbol.asyncIterator]: body },
    discard: async () => {
      // Reading a little to its end keeps the connection for the next request; leaving it closes the connection.
      if (Number(response.headers.get("content-length") ?? Number.NaN) <= MAX_DRAINED_BYTES) {
        const drained = await drain(body()).catch(() => false);
        if (drained) return;
      }
      guard.end();
      await response.discard().catch(() => undefined);
    },
  };
}

async function drain(body: AsyncIterable<Uint8Array>): Promise<boolean> {
  for await (const _ of body);
  return true;
}
