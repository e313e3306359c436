import { describe, expect, test } from "bun:test";
import type { EventMessage } from "../../api/system-views.ts";
import { EventBus } from "./event-bus.ts";

const SECOND = 1_000_000_000n;
const everything = { sinceNs: undefined, untilNs: undefined, filters: new Map<string, string[]>() };

function busAt(seconds: { now: bigint }): EventBus {
  return new EventBus(() => seconds.now * SECOND);
}

async function collect(events: AsyncIterable<EventMessage>): Promise<string[]> {
  const actions: string[] = [];
  for await (const event of events) actions.push(event.Action);
  return actions;
}

describe("event bus", () => {
  test("a container's event has Docker's shape, with the old names", async () => {
    const bus = busAt({ now: 7n });
    const events = bus.subscribe(everything, new AbortController().signal);
    bus.publish("container", "start", "4bd1", { name: "web", image: "busybox" });
    expect((await events.next()).value).toEqual({
      status: "start",
      id: "4bd1",
      from: "busybox",
      Type: "container",
      Action: "start",
      Actor: { ID: "4bd1", Attributes: { name: "web", image: "busybox" } },
      scope: "local",
      time: 7,
      timeNano: 7_000_000_000,
    });
    bus.publish("network", "connect", "f00d", {});
    expect(Object.keys((await events.next()).value)).toEqual([
      "Type",
      "Action",
      "Actor",
      "scope",
      "time",
      "timeNano",
    ]);
  });

  test("past events of a window come first, both ends included, then the live ones", async () => {
    const clock = { now: 0n };
    const bus = busAt(clock);
    for (const second of [1n, 2n, 3n, 4n]) {
      clock.now = second;
      bus.publish("container", `at ${second}`, "id", {});
    }
    const stop = new AbortController();
    const live = bus.subscribe({ ...everything, sinceNs: 3n * SECOND }, stop.signal);
    bus.publish("container", "later", "id", {});
    stop.abort();
    expect(await collect(live)).toEqual(["at 3", "at 4", "later"]);
    const past = bus.subscribe(
      { ...everything, sinceNs: 2n * SECOND, untilNs: 3n * SECOND },
      new AbortController().signal,
    );
    expect(await collect(past)).toEqual(["at 2", "at 3"]);
  });

  test("without a window nothing past is sent", async () => {
    const bus = busAt({ now: 1n });
    bus.publish("container", "old", "id", {});
    const stop = new AbortController();
    const events = bus.subscribe(everything, stop.signal);
    bus.publish("container", "new", "id", {});
    stop.abort();
    expect(await collect(events)).toEqual(["new"]);
  });

  test("the last 256 are kept", async () => {
    const bus = busAt({ now: 1n });
    for (let n = 0; n < 300; n++) bus.publish("container", String(n), "id", {});
    const actions = await collect(
      bus.subscribe({ ...everything, untilNs: SECOND + 1000n }, AbortSignal.abort()),
    );
    expect(actions).toHaveLength(256);
    expect(actions[0]).toBe("44");
  });

  test("two events never share a moment and never go back", async () => {
    const clock = { now: 5n };
    const bus = busAt(clock);
    const events = bus.subscribe(everything, new AbortController().signal);
    bus.publish("container", "a", "id", {});
    clock.now = 3n;
    bus.publish("container", "b", "id", {});
    bus.publish("container", "c", "id", {});
    const resumed = bus.subscribe({ ...everything, sinceNs: 5n * SECOND + 1n }, AbortSignal.abort());
    expect(await collect(resumed)).toEqual(["b", "c"]);
    expect((await events.next()).value.Action).toBe("a");
  });

  test("a slow subscriber gets what was queued, then a clear end, and takes no more memory", async () => {
    const bus = busAt({ now: 1n });
    const slow = bus.subscribe(everything, new AbortController().signal);
    const quick = bus.subscribe(
      { ...everything, filters: new Map([["event", ["2000"]]]) },
      new AbortController().signal,
    );
    for (let n = 0; n <= 2000; n++) bus.publish("container", String(n), "id", {});
    expect(bus.subscriberCount).toBe(1);
    expect((await quick.next()).value.Action).toBe("2000");
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of slow) seen.push(event.Action);
    })();
    await expect(reading).rejects.toThrow("the event stream was cut off");
    expect(seen).toHaveLength(1024);
    expect(seen.at(-1)).toBe("1023");
  });

  test("a waiting reader is woken by the signal, by return and by close", async () => {
    const bus = busAt({ now: 1n });
    const stop = new AbortController();
    const aborted = bus.subscribe(everything, stop.signal).next();
    stop.abort();
    expect((await aborted).done).toBe(true);
    const left = bus.subscribe(everything, new AbortController().signal);
    const waiting = left.next();
    await left.return?.();
    expect((await waiting).done).toBe(true);
    const closed = bus.subscribe(everything, new AbortController().signal).next();
    bus.close();
    expect((await closed).done).toBe(true);
    expect(bus.subscriberCount).toBe(0);
  });

  test("a window in the future ends by itself", async () => {
    const bus = new EventBus(() => 0n);
    expect(
      await collect(bus.subscribe({ ...everything, untilNs: 2_000_000n }, new AbortController().signal)),
    ).toEqual([]);
    expect(bus.subscriberCount).toBe(0);
  });

  test("a window that ends before it begins is refused", () => {
    const bus = busAt({ now: 1n });
    expect(() =>
      bus.subscribe({ ...everything, sinceNs: 2n, untilNs: 1n }, new AbortController().signal),
    ).toThrow("cannot be after");
  });
});
