import { expect, test } from "bun:test";
import { TransferSlots } from "./transfer-slots.ts";

const never = new AbortController().signal;

function watch<T>(promise: Promise<T>) {
  const state = { done: false };
  promise.then(
    () => {
      state.done = true;
    },
    () => undefined,
  );
  return state;
}

test("places are given in order and never more than the limit", async () => {
  const slots = new TransferSlots(2);
  const first = await slots.acquire(never);
  await slots.acquire(never);
  const third = slots.acquire(never);
  const fourth = slots.acquire(never);
  const states = [watch(third), watch(fourth)];
  first.release();
  first.release();
  await third;
  expect(states.map((state) => state.done)).toEqual([true, false]);
});

test("who goes away leaves the queue", async () => {
  const slots = new TransferSlots(1);
  const held = await slots.acquire(never);
  const abort = new AbortController();
  const leaver = slots.acquire(abort.signal);
  const next = slots.acquire(never);
  abort.abort();
  await expect(leaver).rejects.toMatchObject({ kind: "canceled" });
  held.release();
  await next;
  await expect(slots.acquire(abort.signal)).rejects.toMatchObject({ kind: "canceled" });
});

test("a raised limit lets the waiting in, a lowered one holds them back", async () => {
  const slots = new TransferSlots(1);
  const first = await slots.acquire(never);
  const second = slots.acquire(never);
  slots.setLimit(2);
  await second;
  slots.setLimit(1);
  const third = slots.acquire(never);
  const state = watch(third);
  first.release();
  await Promise.resolve();
  expect(state.done).toBe(false);
  (await second).release();
  await third;
});
