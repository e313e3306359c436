/** What is packed comes out of unpacking as it was, and no tree makes a broken archive. */
import { describe, expect, test } from "bun:test";
import { lstatSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createLayerUnpacker } from "../../../src/kernel/layer-unpacker.ts";
import { failureOf, inPieces, run, withKernel, xattr } from "../kernel/kernel-fixture.ts";
import { CAPABILITY, fillTree, LONG, listing, setXattr } from "./tree-fixture.ts";

const kernel = withKernel();

interface Packed {
  readonly code: number;
  readonly tar: Uint8Array;
  readonly message: string;
}

async function pack(...args: readonly string[]): Promise<Packed> {
  const child = Bun.spawn([kernel.binary, "pack", ...args], { stdout: "pipe", stderr: "pipe" });
  const [tar, message, code] = await Promise.all([child.stdout.bytes(), child.stderr.text(), child.exited]);
  return { tar, message, code };
}

async function mustPack(...args: readonly string[]): Promise<Uint8Array> {
  const { code, tar, message } = await pack(...args);
  if (code !== 0) throw new Error(message);
  return tar;
}

async function names(tar: Uint8Array): Promise<string[]> {
  const child = Bun.spawn(["tar", "-t", "--quoting-style=literal"], {
    stdin: new Blob([new Uint8Array(tar)]),
    stdout: "pipe",
  });
  return (await child.stdout.text()).split("\n").filter((line) => line !== "");
}

describe("pack", () => {
  test("everything a tree can have survives: unpacked, it is the same tree", async () => {
    const source = kernel.directory();
    fillTree(source);
    const { target } = await kernel.unpack(await mustPack(source));
    expect(await listing(target)).toEqual(await listing(source));
    expect(xattr(join(target, "capable"), "security.capability")).toBe(CAPABILITY);
    expect(xattr(join(target, "dir/file"), "user.note")).toBe(Buffer.from("a\nvalue\0with all").toHex());
    expect(xattr(join(target, "dir"), "user.of-a-directory")).toBe("00ff");
    for (const name of ["dir/file", "big", `${LONG}/${LONG}`, "new\nline \\ ünï"]) {
      expect(readFileSync(join(target, name)).equals(readFileSync(join(source, name)))).toBe(true);
    }
  });

  test("GNU tar reads it alike", async () => {
    const [source, target] = [kernel.directory(), kernel.directory()];
    fillTree(source);
    const child = Bun.spawn(
      ["tar", "-xp", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-C", target],
      {
        stdin: new Blob([new Uint8Array(await mustPack(source))]),
      },
    );
    expect(await child.exited).toBe(0);
    expect(await listing(target)).toEqual(await listing(source));
    expect(xattr(join(target, "capable"), "security.capability")).toBe(CAPABILITY);
  });

  test("the same tree gives the same bytes, names in order whatever the directory's own", async () => {
    const source = kernel.directory();
    for (const name of ["b", "a", "c/z", "c/y", "C", "a.b"]) {
      mkdirSync(join(source, name, ".."), { recursive: true });
      writeFileSync(join(source, name), name);
    }
    const tar = await mustPack(source);
    expect(await names(tar)).toEqual(["./", "C", "a", "a.b", "b", "c/", "c/y", "c/z"]);
    expect(Buffer.compare(tar, await mustPack(source))).toBe(0);
  });

  test("a file of more than 8 GiB has its size in the header", async () => {
    const source = kernel.directory();
    writeFileSync(join(source, "huge"), "");
    truncateSync(join(source, "huge"), 9 * 2 ** 30);
    const child = Bun.spawn([kernel.binary, "pack", source], { stdout: "pipe", stderr: "ignore" });
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    child.kill("SIGKILL");
    await child.exited;
    // The directory's header and records may come first: 4 KiB hold both.
    expect(
      Buffer.from(value ?? [])
        .subarray(0, 4096)
        .toString("latin1"),
    ).toContain(`19 size=${9 * 2 ** 30}\n`);
  });

  test("sockets are left out", async () => {
    const source = kernel.directory();
    const server = Bun.listen({ unix: join(source, "socket"), socket: { data() {} } });
    writeFileSync(join(source, "file"), "");
    expect(await names(await mustPack(source))).toEqual(["./", "file"]);
    server.stop();
  });

  test("links and devices are members, never doors", async () => {
    const source = kernel.directory();
    symlinkSync("/etc", join(source, "etc"));
    symlinkSync("../../..", join(source, "up"));
    run("mknod", join(source, "zero"), "c", "1", "5");
    expect(await names(await mustPack(source))).toEqual(["./", "etc", "up", "zero"]);
  });

  test("a file that shrinks or grows meanwhile never breaks the archive", async () => {
    const source = kernel.directory();
    const size = 4 << 20;
    for (const name of ["a", "b", "c"]) writeFileSync(join(source, name), new Uint8Array(size).fill(1));
    const child = Bun.spawn([kernel.binary, "pack", source], { stdout: "pipe", stderr: "pipe" });
    // It waits in a full pipe with the first file half read; nothing of the others has been looked at.
    const reader = child.stdout.getReader();
    const chunks = [(await reader.read()).value ?? new Uint8Array(0)];
    truncateSync(join(source, "a"), 1000);
    for (let next = await reader.read(); !next.done; next = await reader.read()) chunks.push(next.value);
    expect(await child.exited).toBe(0);
    const { target } = await kernel.unpack(Buffer.concat(chunks));
    for (const name of ["a", "b", "c"]) expect(lstatSync(join(target, name)).size).toBe(size);
  });

  test("a directory that is not there is an error of its own", async () => {
    const missing = join(kernel.directory(), "missing");
    const { code, message } = await pack(missing);
    expect(code).toBe(2);
    expect(message).toStartWith(`ENOENT: open ${missing}`);
  });

  test("--one-file-system leaves out what is mounted below", async () => {
    const source = kernel.directory();
    mkdirSync(join(source, "mounted"));
    run("mount", "-t", "tmpfs", "none", join(source, "mounted"));
    try {
      writeFileSync(join(source, "mounted/inside"), "");
      expect(await names(await mustPack(source))).toEqual(["./", "mounted/", "mounted/inside"]);
      expect(await names(await mustPack("--one-file-system", source))).toEqual(["./", "mounted/"]);
    } finally {
      run("umount", join(source, "mounted"));
    }
  });
});

describe("pack --layer", () => {
  test("whiteouts and opaque directories come back as they were", async () => {
    const source = kernel.directory();
    run("mknod", join(source, "gone"), "c", "0", "0");
    mkdirSync(join(source, "opaque/below"), { recursive: true });
    setXattr(join(source, "opaque"), "trusted.overlay.opaque", "79");
    setXattr(join(source, "opaque"), "trusted.overlay.origin", "00fb");
    writeFileSync(join(source, "opaque/file"), "x");
    const tar = await mustPack("--layer", source);
    expect(await names(tar)).toEqual([
      "./",
      ".wh.gone",
      "opaque/",
      "opaque/.wh..wh..opq",
      "opaque/below/",
      "opaque/file",
    ]);
    const { target } = await kernel.unpack(tar);
    const others = async (root: string) =>
      (await listing(root)).filter((line) => !line.startsWith("./gone|"));
    expect(await others(target)).toEqual(await others(source));
    expect(lstatSync(join(target, "gone"))).toMatchObject({ rdev: 0, mode: 0o020000 });
    expect(xattr(join(target, "opaque"), "trusted.overlay.opaque")).toBe("79");
    expect(xattr(join(target, "opaque"), "trusted.overlay.origin")).toBeUndefined();
  });

  test.each(["trusted.overlay.redirect", "trusted.overlay.metacopy"])("%s is refused", async (name) => {
    const source = kernel.directory();
    mkdirSync(join(source, "directory"));
    setXattr(join(source, "directory"), name, "2f61");
    const { code, message } = await pack("--layer", source);
    expect(code).toBe(3);
    expect(message).toContain("cannot be packed");
  });

  test("a name that would delete a file in a layer is refused", async () => {
    const source = kernel.directory();
    writeFileSync(join(source, ".wh.innocent"), "");
    const { code, message } = await pack("--layer", source);
    expect(code).toBe(3);
    expect(message).toContain('".wh.innocent" cannot be put into a layer');
  });

  test("a canceled unpacking of a packed layer leaves nothing running", async () => {
    const source = kernel.directory();
    fillTree(source);
    const tar = await mustPack("--layer", source);
    const unpacker = createLayerUnpacker({ kernelPath: kernel.binary });
    const stop = new AbortController();
    stop.abort(new Error("enough"));
    const failure = await failureOf(unpacker.unpack(kernel.directory(), inPieces(tar), stop.signal));
    expect(failure).toMatchObject({ kind: "canceled" });
  });
});
