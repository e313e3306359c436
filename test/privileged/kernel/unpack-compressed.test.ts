/** Layers as files: what berth-kernel reads, inflates and hashes by itself, against zlib as the judge. */
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { constants, gunzipSync, gzipSync, zstdCompressSync } from "node:zlib";
import { isKind } from "../../../src/base/errors.ts";
import { createLayerUnpacker, type LayerUnpackerOptions } from "../../../src/kernel/layer-unpacker.ts";
import { run, withKernel } from "./kernel-fixture.ts";
import { directory, file, tar, withoutEnd } from "./tar-writer.ts";

const kernel = withKernel();
const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

async function unpackFile(bytes: Uint8Array, options: Partial<LayerUnpackerOptions> = {}) {
  const path = join(kernel.directory(), "layer");
  writeFileSync(path, bytes);
  const target = kernel.directory();
  const progress: number[] = [];
  const unpacker = createLayerUnpacker({ kernelPath: kernel.binary, ...options });
  const result = await unpacker.unpack(target, { path }, undefined, (at) => progress.push(at));
  return { ...result, target, progress };
}

/** The same numbers for the same seed: a failure can be repeated. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Contents that compress in different ways: not at all, as runs, as words, as a program. */
function contentOf(kind: number, sizeBytes: number, random: (below: number) => number): Uint8Array {
  if (kind === 0) return new Uint8Array(sizeBytes).map(() => random(256));
  if (kind === 1) return new Uint8Array(sizeBytes).fill(random(256));
  if (kind === 2) return new Uint8Array(sizeBytes).map(() => 97 + random(3));
  return new Uint8Array(readFileSync("/bin/busybox")).subarray(0, sizeBytes);
}

describe("a file", () => {
  const archive = tar(directory("d/"), file("d/a", "hello"), file("b", "x".repeat(300_000)));

  test.each([
    ["plain", archive],
    ["gzip", gzipSync(archive)],
    ["zstd", zstdCompressSync(archive)],
    [
      "gzip in two members",
      Buffer.concat([gzipSync(archive.subarray(0, 700)), gzipSync(archive.subarray(700))]),
    ],
    ["gzip with zeros behind it", Buffer.concat([gzipSync(archive), new Uint8Array(3000)])],
  ])("%s", async (_, bytes) => {
    const result = await unpackFile(bytes);
    expect(result).toMatchObject({
      sizeBytes: 300_005,
      diffId: digestOf(archive),
      inputDigest: digestOf(bytes),
    });
    expect(readFileSync(join(result.target, "d/a"), "utf8")).toBe("hello");
    expect(statSync(join(result.target, "b")).size).toBe(300_000);
    expect(result.progress.at(-1)).toBe(bytes.length);
  });

  test("the digest covers what follows the end mark", async () => {
    const padded = Buffer.concat([archive, new Uint8Array(100_000).fill(1)]);
    expect((await unpackFile(padded)).diffId).toBe(digestOf(padded));
    expect((await unpackFile(gzipSync(padded))).diffId).toBe(digestOf(padded));
  });

  test("spread, it takes the place of the empty target with its owner and mode", async () => {
    const path = join(kernel.directory(), "layer");
    writeFileSync(path, archive);
    const target = join(kernel.directory(), "fs");
    run("install", "-d", "-m", "1711", "-o", "7", "-g", "8", target);
    await createLayerUnpacker({ kernelPath: kernel.binary, spread: true }).unpack(target, { path });
    const { mode, uid, gid } = statSync(target);
    expect([mode & 0o7777, uid, gid]).toEqual([0o1711, 7, 8]);
    expect(existsSync(join(target, "b"))).toBe(true);
    expect(readdirSync(join(target, ".."))).toEqual(["fs"]);
  });

  test("sync of a directory that is not there says so", async () => {
    const unpacker = createLayerUnpacker({ kernelPath: kernel.binary });
    await unpacker.sync(kernel.directory());
    await expect(unpacker.sync(join(kernel.directory(), "missing"))).rejects.toThrow("No such file");
  });
});

describe("inflate", () => {
  const strategies = [
    constants.Z_DEFAULT_STRATEGY,
    constants.Z_FILTERED,
    constants.Z_HUFFMAN_ONLY,
    constants.Z_RLE,
    constants.Z_FIXED,
  ];

  test.each([1, 2, 3, 4])("what zlib makes in all its ways, seed %d", async (seed) => {
    const random = randomNumbers(seed);
    for (let round = 0; round < 12; round++) {
      const sizeBytes = [0, 1, 257, 40_000, 400_000][random(5)] ?? 0;
      const archive = tar(file("x", contentOf(random(4), sizeBytes, random)));
      const bytes = gzipSync(archive, {
        level: random(10),
        strategy: strategies[random(5)],
        windowBits: 9 + random(7),
        memLevel: 1 + random(9),
      });
      expect((await unpackFile(bytes)).diffId).toBe(digestOf(archive));
    }
  });

  test.each([5, 6, 7, 8])(
    "takes of damaged streams what zlib takes, and nothing else, seed %d",
    async (seed) => {
      const random = randomNumbers(seed);
      for (let round = 0; round < 25; round++) {
        const archive = tar(file("x", contentOf(random(4), [10, 3000, 60_000][random(3)] ?? 0, random)));
        const bytes = damaged(
          gzipSync(archive, { level: random(10), strategy: strategies[random(5)] }),
          random,
        );
        const expected = inflated(bytes);
        const outcome = await unpackFile(bytes).catch((error: unknown) => error);
        if (expected === undefined) expect(isKind(outcome, "invalid")).toBe(true);
        else if (!(outcome instanceof Error)) expect(outcome).toMatchObject({ diffId: digestOf(expected) });
      }
    },
  );

  /** With the first bytes left alone: they say that it is gzip. */
  function damaged(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
    if (random(3) === 0) return bytes.subarray(0, 3 + random(bytes.length - 3));
    const copy = bytes.slice();
    for (let count = random(3); count >= 0; count--) {
      const at = 3 + random(Math.min(copy.length, [60, 400, 2 ** 30][random(3)] ?? 60) - 3);
      copy[at] = (copy[at] ?? 0) ^ (1 << random(8));
    }
    return copy;
  }

  function inflated(bytes: Uint8Array): Uint8Array | undefined {
    try {
      return gunzipSync(bytes);
    } catch {
      return undefined;
    }
  }

  test.each([
    ["nothing", new Uint8Array([0x1f, 0x8b]), "unexpected EOF"],
    ["cut", gzipSync(tar(file("a", "x"))).subarray(0, -5), "unexpected EOF"],
    ["another sum", withByte(gzipSync(tar(file("a", "x"))), -8), "incorrect data check"],
    ["another length", withByte(gzipSync(tar(file("a", "x"))), -3), "incorrect length check"],
    [
      "rubbish behind it",
      Buffer.concat([gzipSync(tar(file("a"))), Buffer.from("rubbish")]),
      "invalid header",
    ],
    ["another method", withByte(gzipSync(tar(file("a"))), 2), "unknown compression method"],
  ])("refuses %s", async (_, bytes, message) => {
    await expect(unpackFile(bytes)).rejects.toMatchObject({
      kind: "invalid",
      message: expect.stringContaining(message),
    });
  });

  function withByte(bytes: Uint8Array, at: number): Uint8Array {
    const copy = bytes.slice();
    const index = at < 0 ? copy.length + at : at;
    copy[index] = (copy[index] ?? 0) ^ 0x55;
    return copy;
  }
});

describe("bombs", () => {
  test("a file of zeros stops at the limit, with little on the disk", async () => {
    const head = withoutEnd(file("zeros", "", { size: 2 ** 30 }));
    const bomb = gzipSync(Buffer.concat([head, new Uint8Array(64 << 20)]));
    await expect(unpackFile(bomb, { mostBytes: 1 << 20 })).rejects.toMatchObject({
      kind: "invalid",
      message: "the layer's files are larger than 1048576 bytes",
    });
  });

  test("what is no file counts as well: headers without end, zeros behind the end mark", async () => {
    const limits = { mostBytes: 1 << 20, mostEntries: 100 };
    const message = expect.stringContaining("the layer is larger than");
    const padding = gzipSync(Buffer.concat([tar(file("a", "x")), new Uint8Array(4 << 20)]));
    await expect(unpackFile(padding, limits)).rejects.toMatchObject({ kind: "invalid", message });
    const one = withoutEnd(file("x", "", { pax: { comment: "c".repeat(900_000) } }));
    const headers = gzipSync(Buffer.concat([one, one, one, tar()]));
    await expect(unpackFile(headers, limits)).rejects.toMatchObject({ kind: "invalid", message });
  });

  test("a million empty files", async () => {
    const one = withoutEnd(file("x"));
    const many = gzipSync(Buffer.concat(Array.from({ length: 3000 }, () => one)));
    await expect(unpackFile(many, { mostEntries: 2000 })).rejects.toThrow("more than 2000 files");
  });
});
