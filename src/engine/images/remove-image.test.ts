import { describe, expect, test } from "bun:test";
import type { ImageId } from "../../base/ids.ts";
import { sha256 } from "../../host/hashing.ts";
import { parseImageName } from "../../oci/reference.ts";
import { chainIds } from "../../store/snapshots/chain-id.ts";
import {
  configOf,
  dockerArchive,
  idOf,
  layerTar,
  type TestImage,
} from "../../store/testing/image-archives.ts";
import { openService, type ServiceUnderTest } from "./testing/service.ts";

const base = layerTar({ base: "1" });
const top = layerTar({ top: "2" });
const one: TestImage = { layers: [base, top] };
const two: TestImage = { layers: [base] };
const chain = chainIds([base, top].map((layer) => `sha256:${sha256(layer)}`));
const plain = { force: false, noPrune: false };
const forced = { force: true, noPrune: false };
const short = (image: TestImage) => idOf(image).slice(7, 19);
const CONTAINER = "c".repeat(64);

async function withTags(...tags: string[]): Promise<ServiceUnderTest> {
  const context = await openService();
  await context.load(dockerArchive([{ ...one, tags }]));
  context.events.length = 0;
  return context;
}

describe("remove", () => {
  test("the last name takes image and layers with it, topmost first", async () => {
    await using context = await withTags("a:1");
    expect(await context.service.remove("a:1", plain)).toEqual([
      { Untagged: "a:1" },
      { Deleted: idOf(one) },
      { Deleted: chain[1] ?? "" },
      { Deleted: chain[0] ?? "" },
    ]);
    expect(context.events.map((event) => event.action)).toEqual(["untag", "delete"]);
    await context.store.layers.settled();
    expect(context.temporary.list("snapshots")).toEqual([]);
    expect(context.temporary.list("content", "blobs", "sha256")).toEqual([]);
    await expect(context.service.resolve("a:1")).rejects.toMatchObject({ kind: "notFound" });
  });

  test("one name of several only goes itself", async () => {
    await using context = await withTags("a:1", "b:1");
    expect(await context.service.remove("a:1", plain)).toEqual([{ Untagged: "a:1" }]);
    expect((await context.service.resolve("b:1")).tags).toEqual(["b:1"]);
  });

  test("layers that another image needs stay", async () => {
    await using context = await withTags("a:1");
    await context.load(dockerArchive([{ ...two, tags: ["two:1"] }]));
    expect(await context.service.remove("a:1", plain)).toEqual([
      { Untagged: "a:1" },
      { Deleted: idOf(one) },
      { Deleted: chain[1] ?? "" },
    ]);
    expect(await context.service.remove("two:1", plain)).toEqual([
      { Untagged: "two:1" },
      { Deleted: idOf(two) },
      { Deleted: chain[0] ?? "" },
    ]);
  });

  test("by id: several repositories must be forced", async () => {
    await using context = await withTags("a:1", "b:1");
    await expect(context.service.remove(short(one), plain)).rejects.toMatchObject({
      kind: "conflict",
      message: `conflict: unable to delete ${short(one)} (must be forced) - image is referenced in multiple repositories`,
    });
    expect(await context.service.remove(short(one), forced)).toEqual([
      { Untagged: "a:1" },
      { Untagged: "b:1" },
      { Deleted: idOf(one) },
      { Deleted: chain[1] ?? "" },
      { Deleted: chain[0] ?? "" },
    ]);
  });

  test("by id with one name", async () => {
    await using context = await withTags("a:1");
    expect(await context.service.remove(idOf(one), plain)).toHaveLength(4);
  });

  test("digests of a repository go with its last tag", async () => {
    await using context = await withTags("a:1", "b:1");
    const digest = `sha256:${"1".repeat(64)}`;
    for (const name of [`a@${digest}`, `b@${digest}`]) {
      context.store.images.addName(idOf(one) as ImageId, parseImageName(name), new Date());
    }
    expect((await context.service.resolve(`a@${digest}`)).digests).toEqual([`a@${digest}`, `b@${digest}`]);
    expect(await context.service.remove("a:1", plain)).toEqual([
      { Untagged: "a:1" },
      { Untagged: `a@${digest}` },
    ]);
    expect((await context.service.remove("b:1", plain)).slice(0, 3)).toEqual([
      { Untagged: "b:1" },
      { Untagged: `b@${digest}` },
      { Deleted: idOf(one) },
    ]);
  });

  test("no such image", async () => {
    await using context = await openService();
    await expect(context.service.remove("nope", plain)).rejects.toThrow("No such image: nope:latest");
  });
});

describe("remove with containers", () => {
  test("a stopped one must be forced, by name and by id", async () => {
    await using context = await withTags("a:1");
    context.containers.push({ imageId: idOf(one), id: CONTAINER, running: false });
    await expect(context.service.remove("a:1", plain)).rejects.toMatchObject({
      kind: "conflict",
      message: `conflict: unable to remove repository reference "a:1" (must force) - container cccccccccccc is using its referenced image ${short(one)}`,
    });
    await expect(context.service.remove(short(one), plain)).rejects.toThrow(
      `conflict: unable to delete ${short(one)} (must be forced) - image is being used by stopped container cccccccccccc`,
    );
    expect(await context.service.remove("a:1", forced)).toHaveLength(4);
  });

  test("a running one cannot be forced by id; by name only the name goes", async () => {
    await using context = await withTags("a:1");
    context.containers.push({ imageId: idOf(one), id: CONTAINER, running: true });
    await expect(context.service.remove(short(one), forced)).rejects.toThrow(
      `conflict: unable to delete ${short(one)} (cannot be forced) - image is being used by running container cccccccccccc`,
    );
    expect(await context.service.remove("a:1", forced)).toEqual([{ Untagged: "a:1" }]);
    expect((await context.service.resolve(idOf(one))).tags).toEqual([]);
  });

  test("one name of several goes although a container runs", async () => {
    await using context = await withTags("a:1", "b:1");
    context.containers.push({ imageId: idOf(one), id: CONTAINER, running: true });
    expect(await context.service.remove("a:1", plain)).toEqual([{ Untagged: "a:1" }]);
  });

  test("layers under a container's snapshot go with the container", async () => {
    await using context = await withTags("a:1");
    await context.store.layers.prepare("container", chain[1]);
    context.containers.push({ imageId: idOf(one), id: CONTAINER, running: false });
    expect(await context.service.remove("a:1", forced)).toEqual([
      { Untagged: "a:1" },
      { Deleted: idOf(one) },
    ]);
    expect(context.temporary.list("snapshots")).toHaveLength(3);
    await context.store.layers.remove("container");
    await context.store.layers.settled();
    expect(context.temporary.list("snapshots")).toEqual([]);
  });
});

describe("parents", () => {
  /** `child` as a builder records it: on an untagged image of this machine. */
  async function withParent(): Promise<ServiceUnderTest & { child: TestImage }> {
    const context = await openService();
    await context.load(dockerArchive([{ ...two, tags: null }]));
    const lease = await context.store.layers.apply(
      [base, top].map((layer) => ({
        diffId: `sha256:${sha256(layer)}`,
        open: async function* () {
          yield layer;
        },
      })),
      new AbortController().signal,
    );
    await context.store.record(
      {
        id: idOf(one) as ImageId,
        config: configOf(one),
        layers: lease.chainIds,
        sizeBytes: 2,
        parent: idOf(two) as ImageId,
      },
      [],
      [parseImageName("child:1")],
      new Date(),
    );
    await lease.release();
    return Object.assign(context, { child: one });
  }

  test("untagged ones go too, unless told not to", async () => {
    await using context = await withParent();
    expect(await context.service.remove("child:1", plain)).toEqual([
      { Untagged: "child:1" },
      { Deleted: idOf(one) },
      { Deleted: chain[1] ?? "" },
      { Deleted: idOf(two) },
      { Deleted: chain[0] ?? "" },
    ]);
  });

  test("noPrune keeps them", async () => {
    await using context = await withParent();
    await context.service.remove("child:1", { force: false, noPrune: true });
    expect((await context.service.resolve(idOf(two))).id).toBe(idOf(two) as never);
  });

  test("one with children cannot be removed, and is listed only with all", async () => {
    await using context = await withParent();
    await expect(context.service.remove(idOf(two), forced)).rejects.toThrow(
      `conflict: unable to delete ${short(two)} (cannot be forced) - image has dependent child images`,
    );
    const list = (all: boolean) =>
      context.service.list({ all, digests: false, sharedSize: false, filters: new Map() });
    expect(await list(false)).toHaveLength(1);
    expect(await list(true)).toHaveLength(2);
    expect((await context.service.history("child:1")).map((entry) => entry.Id)).toEqual([
      idOf(one),
      idOf(two),
    ]);
  });
});
