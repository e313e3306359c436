import { type ContainerId, newContainerId } from "../base/ids.ts";
import type { Logger } from "../host/logger.ts";
import type { ShimSession } from "../kernel/shim-session.ts";

/** A shim that stands ready: namespaces and cgroup are made, its first process waits for a plan. */
export interface WarmSlot {
  readonly id: ContainerId;
  readonly session: ShimSession;
  readonly pid: number;
  /** Of the configuration that it was prepared for: `preparationKey`. */
  readonly key: string;
}

export interface WarmPoolOptions {
  /** Slots to keep ready; 0: none. */
  readonly size: number;
  readonly make: (id: ContainerId) => Promise<WarmSlot>;
  /** Ends a slot's shim and removes all of it. */
  readonly discard: (slot: WarmSlot) => Promise<void>;
  readonly logger: Logger;
}

/** A container that was created but not started in this time has no claim to a prepared shim. */
const RESERVATION_MS = 10_000;
/** Refilling waits for the start that made room: both want the same two processors. */
const REFILL_DELAY_MS = 5;
/** … or this long, when a reservation is followed by no start. */
const REFILL_WITHOUT_START_MS = 250;

interface Reservation {
  readonly slot: WarmSlot;
  readonly timer: ReturnType<typeof setTimeout>;
}

/**
 * Containers prepared in advance, each under an id of its own: the kernel's work for namespaces and cgroups is done
 * before anybody asks. An idle slot costs a shim and a waiting process (together below 2 MiB).
 */
export class WarmPool {
  readonly #options: WarmPoolOptions;
  readonly #idle: WarmSlot[] = [];
  readonly #reserved = new Map<ContainerId, Reservation>();
  /** Slots on their way out, until they are gone. */
  readonly #leaving = new Map<ContainerId, Promise<void>>();
  #making: ContainerId | undefined;
  #filling: Promise<void> | undefined;
  #refill: ReturnType<typeof setTimeout> | undefined;
  /** Starts under way. */
  #starts = 0;
  #closed = false;

  constructor(options: WarmPoolOptions) {
    this.#options = options;
    this.#schedule(REFILL_DELAY_MS);
  }

  /** The id of a ready slot, which is the caller's for a while. */
  reserve(): ContainerId | undefined {
    const slot = this.#idle.shift();
    this.#schedule(this.#idle.length > 0 ? REFILL_WITHOUT_START_MS : REFILL_DELAY_MS);
    if (slot === undefined) return undefined;
    const timer = setTimeout(() => this.giveUp(slot.id), RESERVATION_MS);
    timer.unref();
    this.#reserved.set(slot.id, { slot, timer });
    return slot.id;
  }

  /** The slot reserved under the id: the caller owns it now. Waits for one that is just being removed. */
  async take(id: ContainerId): Promise<WarmSlot | undefined> {
    await this.#leaving.get(id);
    const reservation = this.#reserved.get(id);
    if (reservation === undefined) return undefined;
    clearTimeout(reservation.timer);
    this.#reserved.delete(id);
    return reservation.slot;
  }

  /** Until `startEnds` nothing is made: in a burst every container that is asked for comes before those that are not. */
  startBegins(): void {
    this.#starts += 1;
  }

  /** A start is over: after the last one is a good time to make what they have used up. */
  startEnds(): void {
    this.#starts -= 1;
    this.#schedule(REFILL_DELAY_MS);
  }

  /** Ends the slot reserved under the id, if there is one; resolves when it is gone. */
  giveUp(id: ContainerId): Promise<void> {
    const reservation = this.#reserved.get(id);
    if (reservation === undefined) return this.#leaving.get(id) ?? Promise.resolve();
    clearTimeout(reservation.timer);
    this.#reserved.delete(id);
    return this.leave(reservation.slot);
  }

  /** Ends a slot that was taken but cannot be used. */
  leave(slot: WarmSlot): Promise<void> {
    const leaving = this.#options.discard(slot).catch((error: unknown) => {
      this.#options.logger.warn("a prepared container could not be removed", {
        id: slot.id,
        error: String(error),
      });
    });
    this.#leaving.set(slot.id, leaving);
    return leaving.finally(() => this.#leaving.delete(slot.id));
  }

  /** True for a container that only this pool knows. */
  has(isIt: (id: ContainerId) => boolean): boolean {
    const making = this.#making === undefined ? [] : [this.#making];
    return [
      ...making,
      ...this.#idle.map(({ id }) => id),
      ...this.#reserved.keys(),
      ...this.#leaving.keys(),
    ].some(isIt);
  }

  /** Ends all slots; a filling under way is waited for. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#refill);
    await this.#filling;
    const slots = [...this.#idle.splice(0), ...[...this.#reserved.values()].map(({ slot }) => slot)];
    for (const { timer } of this.#reserved.values()) clearTimeout(timer);
    this.#reserved.clear();
    for (const slot of slots) void this.leave(slot);
    await Promise.all(this.#leaving.values());
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#refill);
    if (this.#closed || this.#idle.length >= this.#options.size) return;
    this.#refill = setTimeout(() => {
      if (this.#starts > 0) return;
      this.#filling ??= this.#fill().finally(() => {
        this.#filling = undefined;
      });
    }, delayMs);
    this.#refill.unref();
  }

  /** One after the other: the pool must not take the machine from what was asked for. */
  async #fill(): Promise<void> {
    while (!this.#closed && this.#starts === 0 && this.#idle.length < this.#options.size) {
      const id = newContainerId();
      this.#making = id;
      try {
        this.#keep(await this.#options.make(id));
      } catch (error) {
        // The next start tries in its own right and tells its user; until then there is nobody to tell.
        this.#options.logger.warn("no container could be prepared in advance", { error: String(error) });
        return;
      } finally {
        this.#making = undefined;
      }
    }
  }

  #keep(slot: WarmSlot): void {
    this.#idle.push(slot);
    // Its shim can be killed like any process: then nobody shall get it.
    void slot.session.closed.then(() => {
      const at = this.#idle.indexOf(slot);
      if (at < 0) return;
      this.#idle.splice(at, 1);
      void this.leave(slot);
    });
  }
}
