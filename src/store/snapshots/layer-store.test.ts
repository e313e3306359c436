import { describe, expect, test } from "bun:test";
import { sha256 } from "../../host/hashing.ts";
import { bodyOf, layerTar } from "../testing/image-archives.ts";
import { TemporaryStore } from "../testing/temporary-store.ts";
import { chainIds } from "./chain-id.ts";
import type { LayerSource } from "./layer-store.ts";

const never = new AbortController().signal;
const layers = ["a", "b", "c"].map((name) => layerTar({ [name]: name.repeat(3000) }));
const diffIds = layers.map((layer) => `sha256:${sha256(layer)}`);
const sources = (): LayerSource[] =>
  layers.map((layer, index) => ({ diffId: diffIds[index] ?? "", open: () => bodyOf(layer, 500) }));

describe("chainIds", () => {
  // The example of the OCI image-spec: ChainID(A,B,C) is made of ChainID(A,B) and C.
  test("is recursive", () => {
    const [one, two, three] = chainIds(["sha256:a", "sha256:b", "sha256:c"]);
    expect(one).toBe("sha256:a");
    expect(two).toBe(`sha256:${sha256("sha256:a sha256:b")}`);
    expect(three).toBe(`sha256:${sha256(`${two} sha256:c`)}`);
    expect(chainIds([])).toEqual([]);
  });
});

describe("LayerStore", () => {
  test("layers that nobody recorded go with their lease", async () => {
    await using temporary = await TemporaryStore.make();
    const lease = await temporary.store.layers.apply(sources(), never);
    expect(lease.chainIds).toEqual(chainIds(diffIds));
    expect(lease.sizeBytes).toBe(9000);
    await temporary.store.layers.collect(lease.chainIds.at(-1) ?? "");
    expect(temporary.list("snapshots")).toHaveLength(3);
    await lease.release();
    await lease.release();
    await temporary.store.layers.settled();
    expect(temporary.list("snapshots")).toEqual([]);
  });

  test("a lease of one keeps what the release of another would collect", async () => {
    await using temporary = await TemporaryStore.make();
    const first = await temporary.store.layers.apply(sources(), never);
    const second = await temporary.store.layers.apply(sources().slice(0, 2), never);
    await first.release();
    await temporary.store.layers.settled();
    expect(temporary.list("snapshots")).toHaveLength(2);
    await second.release();
    await temporary.store.layers.settled();
    expect(temporary.list("snapshots")).toEqual([]);
  });

  test("a wrong digest in the middle leaves nothing, also not of its neighbours", async () => {
    await using temporary = await TemporaryStore.make();
    const wrong = sources().map((source, index) =>
      index === 1 ? { ...source, diffId: `sha256:${"0".repeat(64)}` } : source,
    );
    await expect(temporary.store.layers.apply(wrong, never)).rejects.toThrow("invalid diffID for layer 1");
    await temporary.store.layers.settled();
    expect(temporary.list("snapshots")).toEqual([]);
    expect(temporary.store.layers.sizeOf(diffIds[0] ?? "")).toBe(0);
  });

  test("a source that fails is what the caller hears of", async () => {
    await using temporary = await TemporaryStore.make();
    const failing: LayerSource = {
      diffId: diffIds[2] ?? "",
      open: async function* () {
        yield layers[2]?.subarray(0, 512) ?? new Uint8Array(0);
        throw new Error("the disk is on fire");
      },
    };
    await expect(temporary.store.layers.apply([...sources().slice(0, 2), failing], never)).rejects.toThrow(
      "on fire",
    );
    await temporary.store.layers.settled();
    expect(temporary.list("snapshots")).toEqual([]);
  });

  test("many at once for overlapping chains unpack each layer once", async () => {
    await using temporary = await TemporaryStore.make();
    const { layers: store } = temporary.store;
    const leases = await Promise.all(
      [3, 1, 2, 3, 2, 1].map((count) => store.apply(sources().slice(0, count), never)),
    );
    expect(temporary.unpacker.unpacked).toBe(3);
    for (const lease of leases) await lease.release();
    await store.settled();
    expect(temporary.list("snapshots")).toEqual([]);
  });

  test("a second waiter takes over when the first is canceled", async () => {
    await using temporary = await TemporaryStore.make();
    const controller = new AbortController();
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow: LayerSource = {
      diffId: diffIds[0] ?? "",
      open: async function* () {
        await gate;
        yield* bodyOf(layers[0] ?? new Uint8Array(0));
      },
    };
    const first = temporary.store.layers.apply([slow], controller.signal);
    const second = temporary.store.layers.apply(sources().slice(0, 1), never);
    controller.abort();
    release();
    await expect(first).rejects.toMatchObject({ name: "AbortError" });
    const lease = await second;
    expect(temporary.store.layers.sizeOf(lease.chainIds[0] ?? "")).toBe(3000);
    await lease.release();
  });
});

describe("after a crash", () => {
  test("layers without an image, blobs without a record and ingests are gone", async () => {
    await using temporary = await TemporaryStore.make();
    await temporary.store.layers.apply(sources(), never);
    await temporary.store.content.ingestBytes(new TextEncoder().encode("orphan"));
    await temporary.store.content.scratchDirectory();
    expect(temporary.list("snapshots")).toHaveLength(3);
    await temporary.reopen();
    expect(temporary.list("snapshots")).toEqual([]);
    expect(temporary.list("content", "blobs", "sha256")).toEqual([]);
    expect(temporary.list("content", "ingest")).toEqual([]);
  });

  test("layers under a container's snapshot stay", async () => {
    await using temporary = await TemporaryStore.make();
    const lease = await temporary.store.layers.apply(sources().slice(0, 2), never);
    await temporary.store.layers.prepare("container", lease.chainIds[1]);
    await temporary.reopen();
    expect(temporary.list("snapshots")).toHaveLength(3);
    expect((await temporary.store.layers.root("container")).lowerDirs).toHaveLength(2);
  });
});
