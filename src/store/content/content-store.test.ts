import { describe, expect, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "../../host/hashing.ts";
import { bodyOf } from "../testing/image-archives.ts";
import { ContentStore } from "./content-store.ts";

const bytes = new TextEncoder().encode("content ".repeat(1000));
const digest = `sha256:${sha256(bytes)}`;

async function open() {
  const root = await mkdtemp(join(tmpdir(), "berth-content-"));
  return {
    root,
    store: await ContentStore.open(root),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

describe("ContentStore", () => {
  test("keeps what it was given, once", async () => {
    await using context = await open();
    for (const expected of [digest, undefined]) {
      const result = await context.store.ingest(bodyOf(bytes, 999), { digest: expected, maxBytes: 8000 });
      expect(result).toEqual({ digest, sizeBytes: 8000 });
    }
    expect(await context.store.has(digest)).toBe(true);
    expect(await context.store.read(digest, 8000)).toEqual(bytes);
    const streamed = Buffer.concat(await Array.fromAsync(context.store.stream(digest)));
    expect(new Uint8Array(streamed)).toEqual(bytes);
    expect(readdirSync(join(context.root, "blobs", "sha256"))).toEqual([digest.slice(7)]);
    expect(readdirSync(join(context.root, "ingest"))).toEqual([]);
  });

  test("another digest, too much, and an abort leave nothing", async () => {
    await using context = await open();
    const wrong = `sha256:${"0".repeat(64)}`;
    const body = () => bodyOf(bytes, 999);
    await expect(context.store.ingest(body(), { digest: wrong, maxBytes: 8000 })).rejects.toMatchObject({
      kind: "dataLoss",
    });
    await expect(context.store.ingest(body(), { maxBytes: 7999 })).rejects.toMatchObject({
      kind: "exhausted",
    });
    const signal = AbortSignal.abort();
    await expect(context.store.ingest(body(), { maxBytes: 8000, signal })).rejects.toMatchObject({
      name: "AbortError",
    });
    expect(readdirSync(join(context.root, "ingest"))).toEqual([]);
    expect(readdirSync(join(context.root, "blobs", "sha256"))).toEqual([]);
  });

  test("what is not there", async () => {
    await using context = await open();
    expect(await context.store.has(digest)).toBe(false);
    await expect(context.store.read(digest, 1)).rejects.toMatchObject({ kind: "notFound" });
    await context.store.remove(digest);
  });

  test("a digest is never a path", async () => {
    await using context = await open();
    await expect(context.store.read("sha256:../../../etc/passwd", 1000)).rejects.toMatchObject({
      kind: "invalid",
    });
    await expect(context.store.remove("../x")).rejects.toMatchObject({ kind: "invalid" });
  });

  test("a document above the limit is not read", async () => {
    await using context = await open();
    await context.store.ingestBytes(bytes);
    await expect(context.store.read(digest, 7999)).rejects.toMatchObject({ kind: "exhausted" });
  });

  test("leftovers of a killed process go at the next start, blobs stay", async () => {
    await using context = await open();
    await context.store.ingestBytes(bytes);
    writeFileSync(join(await context.store.scratchDirectory(), "half"), "x");
    const again = await ContentStore.open(context.root);
    expect(readdirSync(join(context.root, "ingest"))).toEqual([]);
    expect(await again.has(digest)).toBe(true);
    await again.sweep(() => false);
    expect(await again.has(digest)).toBe(false);
  });
});
