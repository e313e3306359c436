import { expect, test } from "bun:test";
import { parseTarHeader } from "./tar-header.ts";
import { readTar } from "./tar-reader.ts";
import { tarEnd, tarHeader, tarPadding, writeTar } from "./tar-writer.ts";

test.each([0, 1, 511, 512, 8 ** 11 - 1, 8 ** 11, 2 ** 40])("a header tells of %d bytes", (size) => {
  const header = parseTarHeader(tarHeader("blobs/sha256/a", 0o644, size));
  expect(header).toMatchObject({ name: "blobs/sha256/a", size, mode: 0o644, type: "0" });
});

test("a directory's name ends in a slash; a name that does not fit is a bug", () => {
  expect(parseTarHeader(tarHeader("a/", 0o755, 0)).type).toBe("5");
  expect(() => tarHeader("x".repeat(101), 0o644, 0)).toThrow("does not fit");
  expect(() => tarHeader("", 0o644, 0)).toThrow("does not fit");
});

test("written in pieces it is the archive that is written at once", async () => {
  const data = new TextEncoder().encode("some bytes");
  const pieces = [tarHeader("a", 0o600, data.length), data, tarPadding(data.length), tarEnd()];
  expect(Buffer.concat(pieces).equals(writeTar([{ name: "a", data, mode: 0o600 }]))).toBe(true);
  async function* once() {
    yield Buffer.concat(pieces);
  }
  const names: string[] = [];
  const limits = { maxEntries: 10, maxEntryBytes: 1000 };
  for await (const entry of readTar(once(), limits)) names.push(`${entry.name} ${entry.size}`);
  expect(names).toEqual(["a 10"]);
});
