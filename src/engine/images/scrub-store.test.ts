import { describe, expect, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ScrubFinding, ScrubLine } from "../../api/storage-views.ts";
import { sha256 } from "../../host/hashing.ts";
import { dockerArchive, idOf, layerTar, type TestImage } from "../../store/testing/image-archives.ts";
import { StorageUnderTest } from "./testing/storage.ts";

const never = new AbortController().signal;
const layers = [layerTar({ a: "first" }), layerTar({ b: "second" })];
const image: TestImage = { layers };
const digests = layers.map((layer) => `sha256:${sha256(layer)}`);
const [lower = "", upper = ""] = digests;

async function open(): Promise<StorageUnderTest> {
  const context = await StorageUnderTest.open();
  await context.load(dockerArchive([{ ...image, tags: ["a:1"] }]));
  return context;
}

async function scrub(context: StorageUnderTest, repair = false) {
  const lines = await Array.fromAsync(context.storage.scrub({ repair, snapshots: true }, never));
  const findings = lines.filter((line): line is ScrubFinding => line.Kind === "finding");
  return { findings, total: lines.at(-1) as Extract<ScrubLine, { Kind: "total" }> };
}

const damage = (context: StorageUnderTest, digest: string) =>
  writeFileSync(context.store.content.path(digest), "not what it was");

describe("scrub", () => {
  test("a sound store", async () => {
    await using context = await open();
    const { findings, total } = await scrub(context);
    expect(findings).toEqual([]);
    expect(total).toMatchObject({ Ok: 5, Damaged: 0, Missing: 0, Unverifiable: 0, Repaired: 0 });
    await context.store.layers.settled();
    expect(context.temporary.list("snapshots")).toHaveLength(2);
  });

  test("a damaged blob, and the layer that cannot be compared without it", async () => {
    await using context = await open();
    damage(context, lower);
    const { findings, total } = await scrub(context);
    expect(findings.map(({ What, Id, State }) => [What, Id, State])).toEqual([
      ["blob", lower, "damaged"],
      ["snapshot", lower, "unverifiable"],
    ]);
    expect(findings[0]?.Images).toEqual([{ Id: idOf(image), Names: ["a:1"] }]);
    expect(total).toMatchObject({ Damaged: 1, Unverifiable: 1, Repaired: 0 });
  });

  test("is fetched again from a registry that has it; the damaged one stays aside", async () => {
    await using context = await open();
    context.store.images.addBlobSource(lower, "docker.io/library/a");
    context.remote.set(lower, layers[0] ?? new Uint8Array());
    damage(context, lower);
    const { findings, total } = await scrub(context, true);
    expect(findings[0]).toMatchObject({ What: "blob", State: "damaged", Repair: "repaired" });
    expect(findings[0]?.RepairDetail).toStartWith("fetched from docker.io/library/a; the damaged one is ");
    expect(total).toMatchObject({ Damaged: 1, Unverifiable: 0, Repaired: 1 });
    const [aside = ""] = context.temporary.list("content", "damaged");
    expect(aside).toStartWith(lower.slice(7));
    expect(readFileSync(join(context.temporary.root, "content/damaged", aside), "utf8")).toBe(
      "not what it was",
    );
    expect((await scrub(context)).findings).toEqual([]);
  });

  test("what no registry can give stays where it is", async () => {
    await using context = await open();
    damage(context, lower);
    context.store.images.addBlobSource(upper, "docker.io/library/a");
    damage(context, upper);
    const { findings } = await scrub(context, true);
    const repairs = findings
      .filter(({ What }) => What === "blob")
      .map(({ Id, Repair, RepairDetail }) => [Id, Repair, RepairDetail]);
    expect(repairs.sort()).toEqual(
      [
        [lower, "failed", "no registry is known to have it"],
        [upper, "failed", "the registry does not have it"],
      ].sort(),
    );
    expect(await context.store.content.has(lower)).toBe(true);
    expect(context.temporary.list("content", "damaged")).toEqual([]);
  });

  test("a config is written again from the database, a missing layer blob fetched", async () => {
    await using context = await open();
    rmSync(context.store.content.path(idOf(image)));
    rmSync(context.store.content.path(upper));
    context.store.images.addBlobSource(upper, "docker.io/library/a");
    context.remote.set(upper, layers[1] ?? new Uint8Array());
    const { findings } = await scrub(context, true);
    expect(findings.map(({ State, Repair }) => [State, Repair])).toEqual([
      ["missing", "repaired"],
      ["missing", "repaired"],
    ]);
    expect((await scrub(context)).total).toMatchObject({ Ok: 5, Missing: 0 });
  });

  test("a registry that sends other bytes repairs nothing", async () => {
    await using context = await open();
    context.store.images.addBlobSource(lower, "docker.io/library/a");
    context.remote.set(lower, new Uint8Array(layers[0]?.length ?? 0));
    damage(context, lower);
    const { findings } = await scrub(context, true);
    expect(findings[0]?.Repair).toBe("failed");
    expect(findings[0]?.RepairDetail).toContain("wrong digest");
    expect(readFileSync(context.store.content.path(lower), "utf8")).toBe("not what it was");
  });

  test("a damaged layer is unpacked again and takes its place", async () => {
    await using context = await open();
    const directory = context.store.snapshots.directory(lower);
    writeFileSync(join(directory, "a"), "changed!");
    writeFileSync(join(directory, "new"), "");
    const { findings } = await scrub(context);
    expect(findings[0]).toMatchObject({ What: "snapshot", Id: lower, State: "damaged" });
    expect(findings[0]?.Detail).toBe("/a: content, /new: extra");
    expect((await scrub(context, true)).findings[0]?.Repair).toBe("repaired");
    expect(readFileSync(join(context.store.snapshots.directory(lower), "a"), "utf8")).toBe("first");
    expect((await scrub(context)).findings).toEqual([]);
    await context.temporary.reopen();
    expect(context.temporary.list("snapshots")).toHaveLength(2);
  });

  test("a layer whose directory is gone", async () => {
    await using context = await open();
    rmSync(context.store.snapshots.directory(lower), { recursive: true });
    const { findings } = await scrub(context, true);
    expect(findings[0]).toMatchObject({ What: "snapshot", State: "missing", Repair: "repaired" });
    expect((await scrub(context)).findings).toEqual([]);
  });

  test("only one at a time; a client that goes ends it", async () => {
    await using context = await open();
    const first = context.storage.scrub({ repair: false, snapshots: true }, never)[Symbol.asyncIterator]();
    await first.next();
    await expect(scrub(context)).rejects.toMatchObject({ kind: "conflict" });
    await first.return?.();
    await scrub(context);
    const signal = AbortSignal.abort();
    const aborted = context.storage.scrub({ repair: false, snapshots: true }, signal);
    await expect(Array.fromAsync(aborted)).rejects.toMatchObject({ name: "AbortError" });
  });
});
