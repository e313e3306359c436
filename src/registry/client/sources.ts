/** Reading from a registry: its mirrors in order, then itself. */
import { type EngineError, fromUnknown } from "../../base/errors.ts";
import type { Logger } from "../../host/logger.ts";
import type { Waiting } from "./backoff.ts";
import type { Contact, Contacts } from "./contacts.ts";
import { type Endpoint, mirrorsOf, originOf } from "./endpoints.ts";
import type { RegistryCall } from "./registry-client.ts";
import type { RegistryHosts } from "./registry-hosts.ts";

/** A mirror that could not be used is left out for so long: each layer would wait for it again. */
const REST_MS = 30_000;

export class Sources {
  readonly #restingUntil = new Map<string, number>();

  constructor(
    private readonly parts: {
      readonly hosts: RegistryHosts;
      readonly contacts: Contacts;
      readonly waiting: Waiting;
      readonly logger: Logger;
    },
  ) {}

  /** The registry itself. */
  async origin(registry: string, call: RegistryCall): Promise<Contact> {
    const { settings } = this.parts.hosts;
    return this.parts.contacts.reach(await originOf(registry, settings), settings, call.signal);
  }

  /**
   * What the first of them answers. Whatever is wrong with a mirror is a reason to ask the next one; only the
   * registry's own failure is the caller's.
   */
  async read<T>(registry: string, call: RegistryCall, work: (contact: Contact) => Promise<T>): Promise<T> {
    const { hosts, contacts } = this.parts;
    const { settings } = hosts;
    for (const mirror of await mirrorsOf(registry, settings)) {
      if (this.#rests(mirror)) continue;
      try {
        return await work(await contacts.reach(mirror, settings, call.signal));
      } catch (error) {
        const failure = fromUnknown(error);
        if (failure.kind === "canceled") throw failure;
        this.#note(mirror, failure);
      }
    }
    return work(await this.origin(registry, call));
  }

  /** A transfer that had begun broke off: where it came from is not asked first the next time. */
  failed({ endpoint }: Contact, error: unknown): void {
    if (endpoint.isMirror) this.#note(endpoint, fromUnknown(error));
  }

  #note(mirror: Endpoint, failure: EngineError): void {
    const [address = ""] = mirror.bases;
    if (failure.kind === "unavailable" || failure.kind === "exhausted")
      this.#restingUntil.set(address, this.parts.waiting.now() + REST_MS);
    const fields = { mirror: address, registry: mirror.registry, error: failure.message };
    // That a mirror lacks something is everyday life.
    if (failure.kind === "notFound") this.parts.logger.debug("a mirror does not have it", fields);
    else this.parts.logger.warn("a mirror failed: going on without it", fields);
  }

  #rests(mirror: Endpoint): boolean {
    const [address = ""] = mirror.bases;
    const until = this.#restingUntil.get(address);
    if (until === undefined) return false;
    if (until > this.parts.waiting.now()) return true;
    this.#restingUntil.delete(address);
    return false;
  }
}
