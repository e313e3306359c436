import { describe, expect, test } from "bun:test";
import { readTar, type TarEntry, type TarLimits } from "./tar-reader.ts";
import { writeTar } from "./tar-writer.ts";

const LIMITS: TarLimits = { maxEntries: 100, maxEntryBytes: 1 << 20 };
const encoder = new TextEncoder();

/** The same bytes in chunks of a size that fits no block. */
async function* chunked(bytes: Uint8Array, size = 700): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(
  bytes: Uint8Array,
  limits = LIMITS,
  size = 700,
): Promise<(Omit<TarEntry, "body"> & { text: string })[]> {
  const result = [];
  for await (const { body, ...entry } of readTar(chunked(bytes, size), limits)) {
    const parts: Uint8Array[] = [];
    for await (const piece of body) parts.push(piece.slice());
    result.push({ ...entry, text: Buffer.concat(parts).toString() });
  }
  return result;
}

interface RawHeader {
  name?: string;
  type?: string;
  size?: number | string;
  link?: string;
  magic?: string;
  prefix?: string;
}

/** A header by hand, for what no honest writer makes. `size` as text is put into the field as it is. */
function header(raw: RawHeader): Uint8Array {
  const block = new Uint8Array(512);
  const put = (text: string, at: number) => block.set(Buffer.from(text, "latin1"), at);
  const size = raw.size ?? 0;
  put(raw.name ?? "f", 0);
  put("0000644\0", 100);
  put(typeof size === "string" ? size : size.toString(8).padStart(11, "0"), 124);
  put("        ", 148);
  put(raw.type ?? "0", 156);
  put(raw.link ?? "", 157);
  put(raw.magic ?? "ustar\u000000", 257);
  put(raw.prefix ?? "", 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

function padded(text: string): Uint8Array {
  const bytes = encoder.encode(text);
  const out = new Uint8Array(Math.ceil(bytes.length / 512) * 512);
  out.set(bytes);
  return out;
}

const END = new Uint8Array(1024);
const join = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
const extension = (type: string, text: string) =>
  join(header({ name: "x", type, size: encoder.encode(text).length }), padded(text));
const pax = (key: string, value: string) => {
  const body = ` ${key}=${value}\n`;
  const bytes = encoder.encode(body).length;
  let length = bytes;
  while (`${length}`.length + bytes !== length) length = `${length}`.length + bytes;
  return extension("x", length + body);
};

describe("readTar", () => {
  test("reads files whatever the chunks", async () => {
    const archive = writeTar([
      { name: "dir/", data: new Uint8Array(0), mode: 0o755 },
      { name: "dir/a", data: encoder.encode("hello"), mode: 0o644 },
      { name: "b", data: encoder.encode("x".repeat(2000)), mode: 0o644 },
    ]);
    for (const size of [1, 511, 512, 4096]) {
      const entries = await read(archive, LIMITS, size);
      expect(entries.map((entry) => [entry.name, entry.type, entry.text.length])).toEqual([
        ["dir/", "directory", 0],
        ["dir/a", "file", 5],
        ["b", "file", 2000],
      ]);
    }
  });

  test("skips bodies that nobody reads", async () => {
    const archive = writeTar([
      { name: "a", data: new Uint8Array(3000), mode: 0o644 },
      { name: "b", data: new Uint8Array(1), mode: 0o644 },
    ]);
    const names: string[] = [];
    for await (const entry of readTar(chunked(archive), LIMITS)) names.push(entry.name);
    expect(names).toEqual(["a", "b"]);
  });

  test("long names of GNU and pax, ustar's prefix, links, old directories", async () => {
    const long = `${"d".repeat(150)}/${"e".repeat(150)}`;
    const archive = join(
      extension("L", `${long}\0`),
      header({}),
      pax("path", "täst/x"),
      header({}),
      header({ name: "tail", prefix: "head" }),
      pax("linkpath", "../target"),
      header({ name: "s", type: "2", link: "short" }),
      header({ name: "h", type: "1", link: "s" }),
      header({ name: "old/", type: "\0", magic: "" }),
      extension("g", "20 comment=whatever\n"),
      header({ name: "last" }),
      END,
    );
    expect((await read(archive)).map((entry) => [entry.name, entry.type, entry.linkName])).toEqual([
      [long, "file", ""],
      ["täst/x", "file", ""],
      ["head/tail", "file", ""],
      ["s", "symlink", "../target"],
      ["h", "hardlink", "s"],
      ["old/", "directory", ""],
      ["last", "file", ""],
    ]);
  });

  test("sizes of pax and of GNU's binary form", async () => {
    const binary = "\x80\0\0\0\0\0\0\0\0\0\0\x05";
    const archive = join(
      header({ size: binary }),
      padded("12345"),
      pax("size", "3"),
      header({ size: 0 }),
      padded("abc"),
      END,
    );
    expect((await read(archive)).map((entry) => entry.text)).toEqual(["12345", "abc"]);
  });

  test("an archive may end without an end mark, and trailing bytes are read", async () => {
    expect(await read(join(header({ name: "a" })))).toHaveLength(1);
    expect(await read(new Uint8Array(0))).toHaveLength(0);
    let pulled = 0;
    async function* counted() {
      for (const part of [header({}), END, new Uint8Array(5000)]) {
        pulled += part.length;
        yield part;
      }
    }
    for await (const _ of readTar(counted(), LIMITS));
    expect(pulled).toBe(512 + 1024 + 5000);
  });

  const broken: [string, Uint8Array, string][] = [
    [
      "text",
      padded("this is not a tar archive, it only looks long enough ".repeat(20)),
      "invalid tar header",
    ],
    ["a wrong checksum", join(header({}).fill(0x41, 0, 4), END), "invalid tar header"],
    ["a header cut short", header({}).subarray(0, 300), "unexpected EOF"],
    ["a body cut short", join(header({ size: 1000 }), padded("x")), "unexpected EOF"],
    ["a size that is no number", header({ size: "zzz" }), "invalid tar header"],
    [
      "a negative size",
      header({ size: "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" }),
      "invalid tar header",
    ],
    [
      "a size beyond all bounds",
      header({ size: "\x80\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" }),
      "invalid tar header",
    ],
    ["a file above the limit", header({ size: 2 << 20 }), "more than the"],
    ["an endless name", header({ name: "n", type: "L", size: 2 << 20 }), "too long"],
    ["a name above the limit", join(extension("L", "n".repeat(5000)), header({})), "invalid tar header"],
    [
      "extensions for ever",
      join(...Array.from({ length: 9 }, () => extension("L", "a\0"))),
      "invalid tar header",
    ],
    ["an extension without its entry", join(extension("L", "a\0"), END), "unexpected EOF"],
    ["a pax record that lies about its length", extension("x", "99 path=a\n"), "invalid tar header"],
    ["a pax record of length 0", extension("x", "0 path=a\n"), "invalid tar header"],
    ["a pax record without a value", extension("x", "7 path\n"), "invalid tar header"],
    ["a pax size that is none", pax("size", "-1"), "invalid tar header"],
    ["a NUL in a pax name", join(pax("path", "a\0b"), header({})), "invalid tar header"],
    ["a sparse file", join(header({ type: "S" }), END), "sparse"],
    ["a sparse file of pax", join(pax("GNU.sparse.major", "1"), header({})), "sparse"],
  ];
  test.each(broken)("refuses %s", async (_, archive, message) => {
    await expect(read(archive)).rejects.toMatchObject({
      kind: "invalid",
      message: expect.stringContaining(message),
    });
  });

  test("refuses too many entries", async () => {
    const archive = join(...Array.from({ length: 101 }, () => header({})));
    await expect(read(archive)).rejects.toThrow("more than 100 entries");
  });

  test("lets go of the stream when its reader stops", async () => {
    let closed = false;
    async function* stream() {
      try {
        for (;;) yield header({});
      } finally {
        closed = true;
      }
    }
    for await (const _ of readTar(stream(), LIMITS)) break;
    expect(closed).toBe(true);
  });
});
