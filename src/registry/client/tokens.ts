/** Bearer tokens from a registry's token server: docs.docker.com/reference/api/registry/auth, and its OAuth2 form. */
import { createHash } from "node:crypto";
import { EngineError } from "../../base/errors.ts";
import { JsonShape } from "../../oci/json-shape.ts";
import { backoffMs, isPassingStatus, type Waiting } from "./backoff.ts";
import type { Challenge } from "./challenges.ts";
import type { Contact } from "./contacts.ts";
import { type HttpResponse, readSmallBody } from "./http-transport.ts";
import type { RegistryCredentials } from "./registry-client.ts";
import { errorOfResponse } from "./registry-errors.ts";
import { waitUnlessCanceled, withinTime } from "./shared-wait.ts";
import type { Wire } from "./wire.ts";

const CLIENT_ID = "berth";
const MAX_TOKEN_BYTES = 1 << 20;
const TOKEN_TIMEOUT_MS = 15_000;
const ATTEMPTS = 3;
/** Servers that say nothing, or less, mean a minute: clients before 2016 assumed it. */
const SHORTEST_LIFE_S = 60;
const LONGEST_LIFE_S = 24 * 3600;
const MAX_CACHED = 512;

export interface Token {
  readonly value: string;
  /** An identity token, where one was asked for and given. */
  readonly refreshToken: string | undefined;
  readonly expiresAtMs: number;
}

export interface TokenRequest {
  readonly contact: Contact;
  readonly challenge: Challenge;
  readonly scopes: readonly string[];
  readonly credentials: RegistryCredentials | undefined;
  /** Asks for an identity token as well. */
  readonly offline: boolean;
}

export class Tokens {
  readonly #cache = new Map<string, Promise<Token>>();

  constructor(
    private readonly wire: Wire,
    private readonly waiting: Waiting,
  ) {}

  /**
   * A token that is still good, or a new one; callers that want the same share one request, which is why it does not end with
   * one caller's `signal`. Throws unauthenticated or denied when the server refuses, invalid when its answer makes no sense.
   */
  async get(request: TokenRequest, signal: AbortSignal): Promise<Token> {
    const key = keyOf(request);
    const cached = this.#cache.get(key);
    const known = cached === undefined ? undefined : await waitUnlessCanceled(cached, signal);
    if (known !== undefined && known.expiresAtMs > this.waiting.now()) return known;
    if (this.#cache.get(key) === cached) this.#fetch(key, request);
    return waitUnlessCanceled(this.#cache.get(key) ?? this.#fetch(key, request), signal);
  }

  /** After the registry refused the token: the next one is a new one. */
  forget(request: TokenRequest): void {
    this.#cache.delete(keyOf(request));
  }

  #fetch(key: string, request: TokenRequest): Promise<Token> {
    const what = `token of registry ${request.contact.base.host}`;
    const fetched = withinTime(TOKEN_TIMEOUT_MS * ATTEMPTS, what, (signal) => this.#request(request, signal));
    this.#cache.delete(key);
    this.#cache.set(key, fetched);
    fetched.catch(() => {
      if (this.#cache.get(key) === fetched) this.#cache.delete(key);
    });
    const [oldest] = this.#cache.keys();
    if (this.#cache.size > MAX_CACHED && oldest !== undefined) this.#cache.delete(oldest);
    return fetched;
  }

  async #request(request: TokenRequest, signal: AbortSignal): Promise<Token> {
    for (let attempt = 1; ; attempt++) {
      let failure: EngineError;
      try {
        const response = await this.#ask(request, signal);
        if (response.status === 200) return await this.#read(response);
        failure = await errorOfResponse(response);
        if (!isPassingStatus(response.status)) throw failure;
      } catch (error) {
        if (!(error instanceof EngineError) || error.kind !== "unavailable" || error.details.settled === true)
          throw error;
        failure = error;
      }
      if (attempt === ATTEMPTS) throw failure;
      await this.waiting.sleep(backoffMs(attempt, this.waiting.random()), signal);
    }
  }

  /** An identity token is only good for POST; a password goes with GET, and with POST where there is no GET. */
  async #ask(request: TokenRequest, signal: AbortSignal): Promise<HttpResponse> {
    const realm = realmOf(request);
    const { identityToken, username, password } = request.credentials ?? {};
    if (identityToken !== undefined && identityToken !== "")
      return this.#post(
        realm,
        request,
        { grant_type: "refresh_token", refresh_token: identityToken },
        signal,
      );
    const answer = await this.#get(realm, request, signal);
    const hasPassword = username !== undefined && username !== "" && password !== undefined;
    if ((answer.status !== 404 && answer.status !== 405) || !hasPassword) return answer;
    await answer.discard();
    const offline: Record<string, string> = request.offline ? { access_type: "offline" } : {};
    return this.#post(realm, request, { grant_type: "password", username, password, ...offline }, signal);
  }

  #get(realm: URL, request: TokenRequest, signal: AbortSignal): Promise<HttpResponse> {
    const url = new URL(realm);
    const service = request.challenge.parameters.get("service") ?? "";
    if (service !== "") url.searchParams.append("service", service);
    for (const scope of request.scopes) url.searchParams.append("scope", scope);
    if (request.offline) {
      url.searchParams.append("offline_token", "true");
      url.searchParams.append("client_id", CLIENT_ID);
    }
    const basic = basicHeader(request.credentials);
    if (basic !== undefined) url.searchParams.append("account", request.credentials?.username ?? "");
    return this.#send(
      "GET",
      url,
      request,
      basic === undefined ? {} : { Authorization: basic },
      undefined,
      signal,
    );
  }

  #post(
    realm: URL,
    request: TokenRequest,
    grant: Record<string, string>,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const form = new URLSearchParams({
      ...grant,
      client_id: CLIENT_ID,
      service: request.challenge.parameters.get("service") ?? "",
      scope: request.scopes.join(" "),
    });
    const headers = { "Content-Type": "application/x-www-form-urlencoded" };
    return this.#send("POST", realm, request, headers, form.toString(), signal);
  }

  /** A token server that redirects is not followed: the credentials were meant for it alone. */
  #send(
    method: string,
    url: URL,
    { contact }: TokenRequest,
    headers: Record<string, string>,
    body: string | undefined,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const { tls, settings } = contact;
    const tlsHost = contact.base.host;
    return this.wire.send({
      method,
      url,
      headers,
      body,
      tls,
      tlsHost,
      settings,
      signal,
      answerTimeoutMs: TOKEN_TIMEOUT_MS,
    });
  }

  async #read(response: HttpResponse): Promise<Token> {
    const shape = new JsonShape("invalid answer of the authorization server");
    const bytes = await readSmallBody(response, MAX_TOKEN_BYTES, "the answer of the authorization server");
    const document = shape.object(shape.parse(bytes, MAX_TOKEN_BYTES), "the document");
    const value =
      shape.optionalText(document.token, "token") ??
      shape.optionalText(document.access_token, "access_token");
    if (value === undefined)
      throw new EngineError(
        "unauthenticated",
        "authorization server did not include a token in the response",
      );
    // What is put into a header must not make a second one.
    if (!/^[\x21-\x7e]+$/.test(value)) shape.fail("the token has characters that no token has");
    const said = typeof document.expires_in === "number" ? document.expires_in : 0;
    const lifeSeconds = Math.min(Math.max(said, SHORTEST_LIFE_S), LONGEST_LIFE_S);
    return {
      value,
      refreshToken: shape.optionalText(document.refresh_token, "refresh_token"),
      expiresAtMs: this.waiting.now() + lifeSeconds * 1000,
    };
  }
}

/** Undefined without a user name. */
export function basicHeader(credentials: RegistryCredentials | undefined): string | undefined {
  const { username, password } = credentials ?? {};
  if (username === undefined || username === "") return undefined;
  return `Basic ${Buffer.from(`${username}:${password ?? ""}`).toString("base64")}`;
}

/**
 * The realm is the registry's word, so a hostile one could name any address: secrets go nowhere in plain text
 * unless the registry itself is spoken to in plain text.
 */
function realmOf({ contact, challenge, credentials }: TokenRequest): URL {
  const text = challenge.parameters.get("realm") ?? "";
  const realm = URL.canParse(text) ? new URL(text) : undefined;
  if (realm === undefined || (realm.protocol !== "https:" && realm.protocol !== "http:")) {
    throw new EngineError(
      "invalid",
      `registry ${contact.base.host} names ${JSON.stringify(text.slice(0, 256))} as its authorization server: not an address`,
    );
  }
  realm.username = "";
  realm.password = "";
  const secret = basicHeader(credentials) !== undefined || (credentials?.identityToken ?? "") !== "";
  if (secret && realm.protocol === "http:" && contact.base.protocol !== "http:") {
    throw new EngineError(
      "denied",
      `registry ${contact.base.host} asks for credentials to be sent unencrypted to ${realm.origin}: refused`,
    );
  }
  return realm;
}

/** No password is kept in memory for the sake of a cache. */
function keyOf({ contact, challenge, scopes, credentials, offline }: TokenRequest): string {
  const { username, password, identityToken } = credentials ?? {};
  const secrets = JSON.stringify([username ?? "", password ?? "", identityToken ?? ""]);
  const fingerprint = createHash("sha256").update(secrets).digest("hex");
  const { parameters } = challenge;
  return JSON.stringify([
    contact.base.href,
    parameters.get("realm"),
    parameters.get("service"),
    [...scopes].sort(),
    fingerprint,
    offline,
  ]);
}
