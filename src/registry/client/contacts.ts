/** First contact with a registry: which of its addresses answers, and how it wants to be asked. */
import { EngineError } from "../../base/errors.ts";
import { backoffMs, type Waiting } from "./backoff.ts";
import { tlsOf } from "./certificates.ts";
import { type Challenge, parseChallenges } from "./challenges.ts";
import type { Endpoint } from "./endpoints.ts";
import type { TlsSettings } from "./http-transport.ts";
import type { RegistrySettings } from "./registry-settings.ts";
import { waitUnlessCanceled, withinTime } from "./shared-wait.ts";
import type { Wire } from "./wire.ts";

/** An endpoint that has answered. */
export interface Contact {
  readonly endpoint: Endpoint;
  /** The one of its addresses that did. */
  readonly base: URL;
  readonly tls: TlsSettings;
  readonly settings: RegistrySettings;
  /** What it asked for last. */
  challenges: readonly Challenge[];
}

const PING_TIMEOUT_MS = 15_000;
const ATTEMPTS = 3;
/** New certificates, and a registry that learns HTTPS, are noticed after so long without a reload. */
const GOOD_FOR_MS = 5 * 60_000;
const MAX_KNOWN = 256;

interface Known {
  readonly settings: RegistrySettings;
  readonly contact: Promise<Contact>;
  readonly untilMs: number;
}

export class Contacts {
  readonly #known = new Map<string, Known>();

  constructor(
    private readonly wire: Wire,
    private readonly waiting: Waiting,
  ) {}

  /** Throws unavailable `Get "https://host/v2/": …` when none of the addresses answers. */
  reach(endpoint: Endpoint, settings: RegistrySettings, signal: AbortSignal): Promise<Contact> {
    const key = keyOf(endpoint);
    const known = this.#known.get(key);
    if (known !== undefined && known.settings === settings && known.untilMs > this.waiting.now())
      return waitUnlessCanceled(known.contact, signal);
    const limitMs = PING_TIMEOUT_MS * ATTEMPTS * endpoint.bases.length;
    const contact = withinTime(limitMs, `registry ${endpoint.registry}`, (timeout) =>
      this.#ping(endpoint, settings, timeout),
    );
    this.#known.delete(key);
    this.#known.set(key, { settings, contact, untilMs: this.waiting.now() + GOOD_FOR_MS });
    contact.catch(() => {
      if (this.#known.get(key)?.contact === contact) this.#known.delete(key);
    });
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest);
    return waitUnlessCanceled(contact, signal);
  }

  /** After a failed connection: the next call finds out anew. */
  forget(contact: Contact): void {
    this.#known.delete(keyOf(contact.endpoint));
  }

  async #ping(endpoint: Endpoint, settings: RegistrySettings, signal: AbortSignal): Promise<Contact> {
    let failure: unknown;
    for (const address of endpoint.bases) {
      const base = new URL(address);
      const tls = await tlsOf(base.host, endpoint.verify, settings);
      const contact: Contact = { endpoint, base, tls, settings, challenges: [] };
      try {
        contact.challenges = await this.#challenges(contact, signal);
        return contact;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  /** Nobody there is an answer; a connection that broke is not. */
  async #challenges(contact: Contact, signal: AbortSignal): Promise<readonly Challenge[]> {
    const { base, tls, settings } = contact;
    const url = urlBelow(contact, "/v2/");
    const exchange = { method: "GET", url, headers: {}, tls, tlsHost: base.host, settings, signal };
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await this.wire.send({ ...exchange, answerTimeoutMs: PING_TIMEOUT_MS });
        await response.discard();
        return response.status === 401 ? parseChallenges(response.headers.get("www-authenticate")) : [];
      } catch (error) {
        const again = error instanceof EngineError && error.details.code === "ECONNRESET";
        if (!again || attempt === ATTEMPTS || contact.endpoint.isMirror) throw error;
        await this.waiting.sleep(backoffMs(attempt, this.waiting.random()), signal);
      }
    }
  }
}

const keyOf = (endpoint: Endpoint) => JSON.stringify([endpoint.registry, endpoint.verify, ...endpoint.bases]);

/** `path` begins with a slash. A mirror for many registries learns from `ns` which one is meant (containerd's convention). */
export function urlBelow({ base, endpoint }: Contact, path: string): URL {
  const url = new URL(`${base.href.replace(/\/+$/, "")}${path}`);
  if (endpoint.isMirror) url.searchParams.append("ns", endpoint.registry);
  return url;
}
