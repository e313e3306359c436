import { expect, test } from "bun:test";
import { demultiplex } from "./demultiplex.ts";

function frame(stream: number, text: string): Uint8Array {
  const payload = new TextEncoder().encode(text);
  const bytes = new Uint8Array(8 + payload.length);
  bytes[0] = stream;
  new DataView(bytes.buffer).setUint32(4, payload.length);
  bytes.set(payload, 8);
  return bytes;
}

async function collect(pieces: Uint8Array[]): Promise<{ stdout: string; stderr: string }> {
  const result = { stdout: "", stderr: "" };
  const source = (async function* () {
    yield* pieces;
  })();
  for await (const { stream, data } of demultiplex(source)) result[stream] += new TextDecoder().decode(data);
  return result;
}

test.each([1, 3, 7, 8, 9, 1000])("frames cut every %d bytes come out whole", async (size) => {
  const all = Buffer.concat([frame(1, "out\n"), frame(2, "err\n"), frame(1, ""), frame(1, "more")]);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < all.length; at += size) pieces.push(all.subarray(at, at + size));
  expect(await collect(pieces)).toEqual({ stdout: "out\nmore", stderr: "err\n" });
});
