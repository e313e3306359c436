/** Requests to a registry: authorized, redirected, and tried again where that makes sense. */
import { EngineError } from "../../base/errors.ts";
import type { Logger } from "../../host/logger.ts";
import type { Authorizer } from "./authorizer.ts";
import { backoffMs, isPassingStatus, retryAfterMs, type Waiting } from "./backoff.ts";
import { parseChallenges } from "./challenges.ts";
import { subject } from "./connection-errors.ts";
import { type Contact, type Contacts, urlBelow } from "./contacts.ts";
import type { HttpRequest, HttpResponse } from "./http-transport.ts";
import type { RegistryCall } from "./registry-client.ts";
import { errorOfResponse } from "./registry-errors.ts";
import type { Wire } from "./wire.ts";

export interface RegistryRequest {
  readonly method: string;
  /** A path below the registry (`/v2/…`), or a whole address that the registry gave. */
  readonly target: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Called for every attempt. */
  readonly body?: () => HttpRequest["body"];
  readonly scopes: readonly string[];
  /** In place of what the registry asks for; empty: none. It goes to the registry itself only. */
  readonly authorization?: string | undefined;
  /** One: the caller knows better how to go on after a failure. Default: the settings', for a mirror one. */
  readonly attempts?: number;
  readonly answerTimeoutMs?: number;
}

export interface Answer {
  readonly response: HttpResponse;
  /** Where it came from in the end. */
  readonly url: URL;
}

const MAX_REDIRECTS = 10;

export class Requests {
  constructor(
    private readonly parts: {
      readonly wire: Wire;
      readonly contacts: Contacts;
      readonly authorizer: Authorizer;
      readonly waiting: Waiting;
      readonly logger: Logger;
    },
  ) {}

  /**
   * The answer, whatever its status, except that statuses that pass (429, 5xx) are thrown when the last attempt ends with one.
   * A 401 has been answered with new credentials once. Throws canceled, unavailable, exhausted, unauthenticated, denied, invalid.
   */
  async send(contact: Contact, request: RegistryRequest, call: RegistryCall): Promise<Answer> {
    const most = request.attempts ?? (contact.endpoint.isMirror ? 1 : contact.settings.maxDownloadAttempts);
    const { waiting, logger } = this.parts;
    for (let attempt = 1; ; attempt++) {
      let failure: EngineError;
      let delayMs = backoffMs(attempt, waiting.random());
      try {
        const answer = await this.#authorized(contact, request, call);
        if (!isPassingStatus(answer.response.status)) return answer;
        const asked = retryAfterMs(answer.response.headers.get("retry-after"), waiting.now());
        failure = await errorOfResponse(answer.response);
        if (asked === "too long") throw failure;
        if (asked !== undefined) delayMs = Math.max(asked, delayMs);
      } catch (error) {
        if (!(error instanceof EngineError) || !isPassing(error)) throw error;
        this.parts.contacts.forget(contact);
        failure = error;
      }
      if (attempt >= most) throw failure;
      logger.debug("a registry's answer is tried for again", { error: failure.message, attempt, delayMs });
      await waiting.sleep(delayMs, call.signal);
    }
  }

  async #authorized(contact: Contact, request: RegistryRequest, call: RegistryCall): Promise<Answer> {
    const first = await this.#header(contact, request, call);
    const answer = await this.#follow(contact, request, call, first);
    if (answer.response.status !== 401 || !isWithin(contact, answer.url)) return answer;
    const challenges = parseChallenges(answer.response.headers.get("www-authenticate"));
    if (challenges.length === 0) return answer;
    this.parts.authorizer.forget(contact, request.scopes, call.credentials);
    contact.challenges = challenges;
    const second = await this.#header(contact, request, call);
    if (second === undefined || second === first) return answer;
    await answer.response.discard();
    return this.#follow(contact, request, call, second);
  }

  async #header(contact: Contact, request: RegistryRequest, call: RegistryCall): Promise<string | undefined> {
    const url = urlOf(contact, request.target);
    if (!isWithin(contact, url)) return undefined;
    if (request.authorization !== undefined) return request.authorization || undefined;
    try {
      return await this.parts.authorizer.header(contact, request.scopes, call.credentials, call.signal);
    } catch (error) {
      if (!(error instanceof EngineError) || error.kind === "canceled") throw error;
      const message = `${subject(request.method, url)}: ${error.message}`;
      throw new EngineError(error.kind, message, { cause: error, details: error.details });
    }
  }

  /** Credentials stay behind when a redirect leads to another host, another port or out of TLS. */
  async #follow(
    contact: Contact,
    request: RegistryRequest,
    call: RegistryCall,
    authorization: string | undefined,
  ): Promise<Answer> {
    const { tls, settings, base } = contact;
    let url = urlOf(contact, request.target);
    for (let redirects = 0; ; redirects++) {
      const mine = authorization !== undefined && isWithin(contact, url);
      const response = await this.parts.wire.send({
        method: request.method,
        url,
        headers: { ...request.headers, ...(mine ? { Authorization: authorization } : {}) },
        body: request.body?.(),
        tls,
        tlsHost: base.host,
        settings,
        signal: call.signal,
        answerTimeoutMs: request.answerTimeoutMs ?? settings.stallTimeoutMs,
      });
      const location = response.headers.get("location");
      if (!isRedirect(request.method, response.status) || location === null) return { response, url };
      await response.discard();
      if (redirects === MAX_REDIRECTS)
        throw new EngineError(
          "invalid",
          `${subject(request.method, url)}: stopped after ${MAX_REDIRECTS} redirects`,
        );
      url = addressFrom(location, url);
    }
  }
}

/** Statuses were judged before; a certificate that does not fit will not fit the next time. */
function isPassing(error: EngineError): boolean {
  if (error.kind !== "unavailable" || error.details.status !== undefined) return false;
  return error.details.settled !== true || error.details.code === "ECONNREFUSED";
}

function isRedirect(method: string, status: number): boolean {
  if (status === 307 || status === 308) return true;
  return (method === "GET" || method === "HEAD") && (status === 301 || status === 302 || status === 303);
}

function urlOf(contact: Contact, target: string | URL): URL {
  return typeof target === "string" ? urlBelow(contact, target) : target;
}

/** The registry itself, spoken to as it was first. */
export function isWithin({ base }: Contact, url: URL): boolean {
  return url.protocol === base.protocol && url.host === base.host;
}

/** A `Location` header. Throws invalid for anything but HTTP. */
export function addressFrom(location: string, from: URL): URL {
  const url = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new EngineError(
      "invalid",
      `registry ${from.host} sends its clients to ${JSON.stringify(location.slice(0, 256))}: refused`,
    );
  }
  // A user and a password in an address would become credentials of the registry's choice.
  url.username = "";
  url.password = "";
  return url;
}
