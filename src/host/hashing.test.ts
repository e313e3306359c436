import { describe, expect, test } from "bun:test";
import { BugError } from "../base/errors.ts";
import { DigestingStream, digestStream, sha256 } from "./hashing.ts";

const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

async function* chunksOf(...chunks: (string | Uint8Array)[]) {
  for (const chunk of chunks) yield typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk;
}

test("sha256 agrees with FIPS 180-4's examples", () => {
  expect(sha256("")).toBe(EMPTY);
  expect(sha256("abc")).toBe(ABC);
  expect(sha256(new TextEncoder().encode("abc"))).toBe(ABC);
});

describe("DigestingStream", () => {
  test("passes chunks on as they are and then knows digest and size", async () => {
    const stream = new DigestingStream(chunksOf("a", "", "bc"));
    const seen: string[] = [];
    for await (const chunk of stream) seen.push(new TextDecoder().decode(chunk));
    expect(seen).toEqual(["a", "", "bc"]);
    expect(stream.digest).toEqual({ sha256: ABC, sizeBytes: 3 });
  });

  test("has no digest before the end, also of a stream that was left early", async () => {
    const stream = new DigestingStream(chunksOf("a", "bc"));
    expect(() => stream.digest).toThrow(BugError);
    for await (const _ of stream) break;
    expect(() => stream.digest).toThrow(BugError);
  });

  test("passes the source's error on", async () => {
    async function* broken() {
      yield new Uint8Array(1);
      throw new Error("connection lost");
    }
    await expect(digestStream(broken())).rejects.toThrow("connection lost");
  });

  test("hashes large chunks whole", async () => {
    const large = new Uint8Array((3 << 20) + 17).fill(7);
    const { sha256: digest, sizeBytes } = await digestStream(chunksOf(large, large, large));
    const whole = new Uint8Array(large.length * 3).fill(7);
    expect(digest).toBe(sha256(whole));
    expect(sizeBytes).toBe(whole.length);
  });

  test("lets others run while a source has everything ready", async () => {
    let turns = 0;
    const count = () => {
      turns++;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    const chunk = new Uint8Array(1 << 20);
    await digestStream(chunksOf(...Array.from({ length: 32 }, () => chunk)));
    clearImmediate(timer);
    expect(turns).toBeGreaterThanOrEqual(4);
  });
});

test("an empty stream has the digest of nothing", async () => {
  expect(await digestStream(chunksOf())).toEqual({ sha256: EMPTY, sizeBytes: 0 });
});
