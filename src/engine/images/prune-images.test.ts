import { describe, expect, test } from "bun:test";
import { parseImageName } from "../../oci/reference.ts";
import { dockerArchive, idOf, layerTar, type TestImage } from "../../store/testing/image-archives.ts";
import { StorageUnderTest } from "./testing/storage.ts";

const never = new AbortController().signal;
const none = new Map<string, string[]>();
const all = new Map([["dangling", ["false"]]]);
const base = layerTar({ base: "1" });
const one: TestImage = { layers: [base, layerTar({ one: "1" })] };
const two: TestImage = { layers: [base, layerTar({ two: "2" })], config: { Labels: { keep: "1" } } };

async function open(): Promise<StorageUnderTest> {
  const context = await StorageUnderTest.open();
  await context.load(
    dockerArchive([
      { ...one, tags: ["one:1"] },
      { ...two, tags: ["two:1"] },
    ]),
  );
  return context;
}

describe("prune", () => {
  test("answers as Docker when there is nothing", async () => {
    await using context = await open();
    expect(await context.storage.prune(none, never)).toEqual({ ImagesDeleted: null, SpaceReclaimed: 0 });
    expect(context.events.at(-1)).toMatchObject({ action: "prune", attributes: { reclaimed: "0" } });
  });

  test("removes names, images and layers, and counts what is free then", async () => {
    await using context = await open();
    context.containers.push({ imageId: idOf(two), id: "c".repeat(64), running: false });
    const { ImagesDeleted, SpaceReclaimed } = await context.storage.prune(all, never);
    const deleted = ImagesDeleted ?? [];
    expect(deleted[0]).toEqual({ Untagged: "one:1" });
    expect(deleted[1]).toEqual({ Deleted: idOf(one) });
    expect(deleted).toHaveLength(3);
    expect(SpaceReclaimed).toBeGreaterThan(0);
    expect(context.store.images.find(idOf(two))?.tags).toEqual(["two:1"]);
  });

  test("filters of labels spare", async () => {
    await using context = await open();
    const filters = new Map([...all, ["label!", ["keep"]]]);
    await context.storage.prune(filters, never);
    expect(context.store.images.all().map((image) => image.id)).toEqual([idOf(two) as never]);
  });
});

describe("a plan", () => {
  test("says what would go and why the rest stays, and changes nothing", async () => {
    await using context = await open();
    context.containers.push({ imageId: idOf(two), id: "c".repeat(64), running: true });
    const plan = await context.storage.planPrune(all, never);
    expect(plan.Remove).toEqual([
      {
        Kind: "image",
        Id: idOf(one),
        Names: ["one:1"],
        Bytes: expect.any(Number),
        Reason: "no container uses it",
      },
    ]);
    expect(plan.Keep).toEqual([
      { Id: idOf(two), Names: ["two:1"], Reason: `used by container ${"c".repeat(12)}` },
    ]);
    expect(plan.SpaceReclaimed).toBe(plan.Remove[0]?.Bytes ?? -1);
    expect(plan.ExpiresAt).toBe("2025-06-01T12:10:00.000Z");
    expect(context.store.images.count()).toBe(2);
  });

  test("is carried out once, exactly, and its bytes are true", async () => {
    await using context = await open();
    const plan = await context.storage.planPrune(all, never);
    const done = await context.storage.applyPrunePlan(plan.Id, never);
    expect(done.SpaceReclaimed).toBe(plan.SpaceReclaimed);
    expect(done.Kept).toEqual([]);
    expect(context.store.images.count()).toBe(0);
    await expect(context.storage.applyPrunePlan(plan.Id, never)).rejects.toMatchObject({ kind: "notFound" });
  });

  test("keeps what changed since and names it, and takes nothing new", async () => {
    await using context = await open();
    const plan = await context.storage.planPrune(all, never);
    context.store.images.addName(idOf(one) as never, parseImageName("other:1"), context.now);
    context.containers.push({ imageId: idOf(two), id: "d".repeat(64), running: false });
    const third: TestImage = { layers: [layerTar({ three: "3" })] };
    await context.load(dockerArchive([{ ...third, tags: ["three:1"] }]));
    const done = await context.storage.applyPrunePlan(plan.Id, never);
    expect(done.ImagesDeleted).toBeNull();
    expect(done.Kept?.map(({ Id, Reason }) => [Id, Reason])).toEqual([
      [idOf(one), "got the name other:1"],
      [idOf(two), `used by container ${"d".repeat(12)}`],
    ]);
    expect(context.store.images.count()).toBe(3);
  });

  test("is forgotten after ten minutes, and when too many came after it", async () => {
    await using context = await open();
    const first = await context.storage.planPrune(all, never);
    for (let made = 0; made < 32; made++) await context.storage.planPrune(all, never);
    await expect(context.storage.applyPrunePlan(first.Id, never)).rejects.toThrow("No such prune plan");
    const late = await context.storage.planPrune(all, never);
    context.now = new Date(context.now.getTime() + 600_000);
    await expect(context.storage.applyPrunePlan(late.Id, never)).rejects.toThrow("ask for a new one");
    expect(context.store.images.count()).toBe(2);
  });

  test("two prunes do not run at once", async () => {
    await using context = await open();
    const [first, second] = await Promise.allSettled([
      context.storage.prune(all, never),
      context.storage.prune(all, never),
    ]);
    expect(first.status).toBe("fulfilled");
    expect(second).toMatchObject({
      reason: { kind: "conflict", message: "a prune operation is already running" },
    });
  });
});

describe("pins", () => {
  test("no prune and no removal without force takes a pinned image", async () => {
    await using context = await open();
    await context.storage.pin("one:1");
    await context.storage.pin("one:1");
    expect(await context.storage.pins()).toEqual([{ Id: idOf(one), Names: ["one:1"] }]);
    await context.storage.prune(all, never);
    expect(context.store.images.all().map((image) => image.id)).toEqual([idOf(one) as never]);
    const plain = { force: false, noPrune: false };
    for (const ref of ["one:1", idOf(one).slice(7, 19)]) {
      await expect(context.service.remove(ref, plain)).rejects.toMatchObject({
        kind: "conflict",
        message: `conflict: unable to delete ${idOf(one).slice(7, 19)} (must be forced) - image is pinned: unpin it first`,
      });
    }
    expect(context.store.images.find(idOf(one))?.tags).toEqual(["one:1"]);
    await context.service.remove("one:1", { force: true, noPrune: false });
    expect(await context.storage.pins()).toEqual([]);
  });

  test("one that lost its last name is still kept; unpinned it goes", async () => {
    await using context = await open();
    await context.storage.pin("one:1");
    context.store.images.removeName(parseImageName("one:1"));
    expect((await context.storage.planPrune(none, never)).Keep[0]?.Reason).toBe("pinned");
    await context.storage.unpin(idOf(one));
    await expect(context.storage.unpin(idOf(one))).rejects.toMatchObject({ kind: "notFound" });
    expect((await context.storage.prune(none, never)).ImagesDeleted?.[0]).toEqual({ Deleted: idOf(one) });
    await expect(context.storage.pin("nothing")).rejects.toMatchObject({ kind: "notFound" });
  });
});

test("a container that comes while the store is busy keeps its image", async () => {
  await using context = await open();
  const removal = context.service.remove("one:1", { force: false, noPrune: false });
  context.containers.push({ imageId: idOf(one), id: "e".repeat(64), running: true });
  await expect(removal).rejects.toThrow("image is being used by running container eeeeeeeeeeee");
  expect(context.store.images.find(idOf(one))).toBeDefined();
});
