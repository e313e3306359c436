import type { Filters } from "../../api/filters.ts";
import type { EventMessage } from "../../api/system-views.ts";
import { EngineError } from "../../base/errors.ts";
import { eventMatcher } from "./event-filter.ts";
import type { EventSink } from "./event-sink.ts";

/** As many past events as Docker keeps. */
const PAST_EVENTS = 256;
/** A subscriber that is this far behind is cut off: nobody's slowness may fill the daemon's memory. */
const QUEUE_LIMIT = 1024;
/** setTimeout turns a longer wait into none at all. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const NS_PER_MS = 1_000_000n;
const CLOCK_STEP_NS = 10_000_000_000n;

export interface EventWindow {
  /** Nanoseconds since the epoch, both ends included; undefined: no bound. */
  readonly sinceNs: bigint | undefined;
  readonly untilNs: bigint | undefined;
  readonly filters: Filters;
}

interface KeptEvent {
  readonly atNs: bigint;
  readonly message: EventMessage;
}

interface Subscriber {
  offer(message: EventMessage): void;
  end(): void;
}

/** The daemon's events: the last ones in a ring, new ones to whoever listens. Nothing outlives the daemon, as in Docker. */
export class EventBus implements EventSink {
  readonly #past: KeptEvent[] = [];
  readonly #subscribers = new Set<Subscriber>();
  readonly #nowNs: () => bigint;
  #lastNs = 0n;

  /** `nowNs`: nanoseconds since the epoch. */
  constructor(nowNs: () => bigint = () => BigInt(Date.now()) * NS_PER_MS) {
    this.#nowNs = nowNs;
  }

  get subscriberCount(): number {
    return this.#subscribers.size;
  }

  publish(type: string, action: string, actorId: string, attributes: Readonly<Record<string, string>>): void {
    const now = this.#nowNs();
    // A clock of milliseconds, or one that is slewed, must not put two events at one moment or in the wrong order:
    // clients resume with `since` at the last moment that they have seen. A clock that was really set back is believed.
    this.#lastNs = now > this.#lastNs || now < this.#lastNs - CLOCK_STEP_NS ? now : this.#lastNs + 1n;
    const message = eventMessage(type, action, actorId, attributes, this.#lastNs);
    this.#past.push({ atNs: this.#lastNs, message });
    if (this.#past.length > PAST_EVENTS) this.#past.shift();
    for (const subscriber of this.#subscribers) subscriber.offer(message);
  }

  /**
   * Past events of the window, if it has a bound, then live ones until `untilNs` or the signal. Listening begins with
   * this call, not with the first `next()`. Throws invalid for a window that ends before it begins; the iteration
   * throws exhausted when the reader was too slow, after what had been queued.
   */
  subscribe(window: EventWindow, signal: AbortSignal): AsyncIterableIterator<EventMessage> {
    const { sinceNs, untilNs } = window;
    if (sinceNs !== undefined && untilNs !== undefined && untilNs < sinceNs) {
      throw new EngineError(
        "invalid",
        `\`since\` time (${sinceNs}) cannot be after \`until\` time (${untilNs})`,
      );
    }
    const matches = eventMatcher(window.filters);
    const queue = new EventQueue(matches, () => this.#subscribers.delete(queue));
    if (sinceNs !== undefined || untilNs !== undefined) {
      for (const { atNs, message } of this.#past) {
        if (atNs >= (sinceNs ?? 0n) && (untilNs === undefined || atNs <= untilNs)) queue.offer(message);
      }
    }
    const leftMs = untilNs === undefined ? undefined : Number((untilNs - this.#nowNs()) / NS_PER_MS);
    if (signal.aborted || (leftMs !== undefined && leftMs <= 0)) {
      queue.end();
      return queue;
    }
    this.#subscribers.add(queue);
    queue.endOn(signal, leftMs);
    return queue;
  }

  /** Ends every subscription after what is queued: the daemon stops. */
  close(): void {
    for (const subscriber of this.#subscribers) subscriber.end();
  }
}

function eventMessage(
  type: string,
  action: string,
  actorId: string,
  attributes: Readonly<Record<string, string>>,
  atNs: bigint,
): EventMessage {
  const from = attributes.image;
  const legacy =
    type === "container"
      ? { status: action, id: actorId, ...(from === undefined ? {} : { from }) }
      : type === "image"
        ? { status: action, id: actorId }
        : {};
  return {
    ...legacy,
    Type: type,
    Action: action,
    Actor: { ID: actorId, Attributes: { ...attributes } },
    scope: "local",
    time: Number(atNs / 1_000_000_000n),
    timeNano: Number(atNs),
  };
}

/** One subscriber's bounded queue. Owns its timer and its listener on the signal; both go when it ends. */
class EventQueue implements Subscriber, AsyncIterableIterator<EventMessage> {
  readonly #messages: EventMessage[] = [];
  readonly #waiting: ((result: IteratorResult<EventMessage> | Promise<never>) => void)[] = [];
  readonly #matches: (message: EventMessage) => boolean;
  readonly #release: () => void;
  #ended = false;
  #failure: EngineError | undefined;
  #dispose = () => {};

  constructor(matches: (message: EventMessage) => boolean, release: () => void) {
    this.#matches = matches;
    this.#release = release;
  }

  endOn(signal: AbortSignal, leftMs: number | undefined): void {
    const end = () => this.end();
    signal.addEventListener("abort", end, { once: true });
    const timer = leftMs === undefined ? undefined : setTimeout(end, Math.min(leftMs, LONGEST_TIMER_MS));
    this.#dispose = () => {
      signal.removeEventListener("abort", end);
      clearTimeout(timer);
    };
  }

  offer(message: EventMessage): void {
    if (this.#ended || !this.#matches(message)) return;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      waiting({ done: false, value: message });
      return;
    }
    this.#messages.push(message);
    if (this.#messages.length < QUEUE_LIMIT) return;
    this.#failure = new EngineError(
      "exhausted",
      `the event stream was cut off: the client left ${QUEUE_LIMIT} events unread`,
    );
    this.end();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#dispose();
    this.#release();
    for (const waiting of this.#waiting.splice(0)) waiting({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<EventMessage>> {
    const message = this.#messages.shift();
    if (message !== undefined) return Promise.resolve({ done: false, value: message });
    if (this.#failure !== undefined) {
      const failure = this.#failure;
      this.#failure = undefined;
      return Promise.reject(failure);
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<EventMessage>> {
    this.#messages.length = 0;
    this.#failure = undefined;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
