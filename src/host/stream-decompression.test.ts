import { describe, expect, test } from "bun:test";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { isKind } from "../base/errors.ts";
import { decompress, detectCompression } from "./stream-decompression.ts";

const TEXT = Buffer.from(Array.from({ length: 20_000 }, (_, n) => `line ${n * 7919}\n`).join(""));

/** With a checksum, as the `zstd` command makes them: damage to literals shows in nothing else. */
function zstd(text: Buffer): Buffer {
  return zstdCompressSync(text, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
}

async function* inPieces(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function failureOf(source: AsyncIterable<Uint8Array>): Promise<unknown> {
  return collect(source).then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe("decompress", () => {
  const formats: [string, (text: Buffer) => Buffer][] = [
    ["none", (text) => text],
    ["gzip", (text) => gzipSync(text)],
    ["zstd", zstd],
  ];
  for (const [name, encode] of formats) {
    test(`${name}, however it is cut into chunks`, async () => {
      const short = TEXT.subarray(0, 500);
      expect((await collect(decompress(inPieces(encode(short), 1)))).equals(short)).toBe(true);
      for (const size of [1000, 1 << 20]) {
        expect((await collect(decompress(inPieces(encode(TEXT), size)))).equals(TEXT)).toBe(true);
      }
    });
  }

  test("members one after the other are one stream", async () => {
    const half = TEXT.length / 2;
    for (const encode of [(text: Buffer) => gzipSync(text), zstd]) {
      const stream = Buffer.concat([encode(TEXT.subarray(0, half)), encode(TEXT.subarray(half))]);
      expect((await collect(decompress(inPieces(stream, 5000)))).equals(TEXT)).toBe(true);
    }
  });

  test("skippable frames of zstd are skipped, first and last", async () => {
    const skippable = Buffer.from([0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
    const stream = Buffer.concat([skippable, zstd(TEXT), skippable]);
    expect((await collect(decompress(inPieces(stream, 5000)))).equals(TEXT)).toBe(true);
  });

  test("a cut or damaged stream is invalid, never a short success", async () => {
    for (const encoded of [gzipSync(TEXT), zstd(TEXT)]) {
      const cut = await failureOf(decompress(inPieces(encoded.subarray(0, encoded.length - 20), 4096)));
      expect(isKind(cut, "invalid")).toBe(true);
      const damaged = Buffer.from(encoded);
      damaged.fill(0xaa, 100, 140);
      expect(isKind(await failureOf(decompress(inPieces(damaged, 4096))), "invalid")).toBe(true);
    }
  });

  test("short and empty streams pass", async () => {
    expect((await collect(decompress(inPieces(new Uint8Array(0), 1)))).length).toBe(0);
    expect([...(await collect(decompress(inPieces(new Uint8Array([0x42]), 1))))]).toEqual([0x42]);
  });

  test("xz and bzip2 are named as missing", async () => {
    const xz = new Uint8Array([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 0]);
    const error = await failureOf(decompress(inPieces(xz, 2)));
    expect(isKind(error, "unimplemented")).toBe(true);
    expect(String(error)).toContain("compressed with xz");
  });

  test("the source's own error comes through", async () => {
    async function* broken() {
      yield gzipSync(TEXT).subarray(0, 3000);
      throw new Error("connection lost");
    }
    expect(String(await failureOf(decompress(broken())))).toContain("connection lost");
  });

  test("a consumer that leaves early closes the source", async () => {
    for (const encoded of [TEXT, gzipSync(TEXT)]) {
      const closed = Promise.withResolvers<void>();
      async function* watched() {
        try {
          yield* inPieces(encoded, 1000);
          await new Promise(() => undefined);
        } finally {
          closed.resolve();
        }
      }
      for await (const _ of decompress(watched())) break;
      await closed.promise;
    }
  });
});

test("detectCompression knows the formats by their first bytes", () => {
  expect(detectCompression(new Uint8Array([0x1f, 0x8b, 8]))).toBe("gzip");
  expect(detectCompression(new Uint8Array([0x28, 0xb5, 0x2f, 0xfd]))).toBe("zstd");
  expect(detectCompression(Buffer.from("BZh9"))).toBe("bzip2");
  expect(detectCompression(Buffer.from("usr/"))).toBe("none");
  expect(detectCompression(new Uint8Array(0))).toBe("none");
});
