/** What a hostile archive cannot do. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, readlinkSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type EngineError, isKind } from "../../../src/base/errors.ts";
import { createLayerUnpacker } from "../../../src/kernel/layer-unpacker.ts";
import { failureOf, inPieces, kernelPids, run, SANITIZED, withKernel } from "./kernel-fixture.ts";
import {
  directory,
  file,
  hardLink,
  paxRecords,
  setBinaryNumber,
  symlink,
  type TarMember,
  tar,
  withoutEnd,
} from "./tar-writer.ts";

const kernel = withKernel();

/** A file beside every target that nothing may read, change or join. */
let outside: string;
beforeEach(() => {
  outside = kernel.directory();
  writeFileSync(join(outside, "secret"), "untouched", { mode: 0o600 });
});
afterEach(() => {
  expect(readdirSync(outside)).toEqual(["secret"]);
  expect(readFileSync(join(outside, "secret"), "utf8")).toBe("untouched");
});

async function refusal(archive: Uint8Array): Promise<string> {
  const error = await failureOf(kernel.unpack(archive));
  expect(isKind(error, "invalid") ? "invalid" : error).toBe("invalid");
  const { message } = error as EngineError;
  expect(message.split("\n")).toHaveLength(1);
  return message;
}

describe("names that lead out", () => {
  test("upwards are refused", async () => {
    for (const name of ["../x", "a/../../x", "..", "./../x", "a/b/../../../x"]) {
      expect(await refusal(tar(file(name, "x")))).toContain("is outside of the layer");
    }
    expect(await refusal(tar(file("x", "", { pax: { path: "../x" } })))).toContain("is outside of the layer");
    expect(await refusal(tar(hardLink("x", "../../etc/passwd")))).toContain("is outside of the layer");
  });

  test("absolute are taken inside", async () => {
    const { target } = await kernel.unpack(tar(file(join(outside, "secret"), "mine"), file("/../../x", "1")));
    expect(readFileSync(join(target, outside, "secret"), "utf8")).toBe("mine");
    expect(existsSync(join(target, "x"))).toBe(true);
  });

  test("links cannot be walked out of the root", async () => {
    const { target } = await kernel.unpack(
      tar(
        symlink("abs", outside),
        directory(outside.slice(1)),
        file("abs/secret", "inside"),
        symlink("up", "../".repeat(40)),
        file("up/etc/here", "inside"),
        directory("up/tmp/dir"),
        file(`up${outside}/.wh.secret2`),
      ),
    );
    expect(readFileSync(join(target, outside, "secret"), "utf8")).toBe("inside");
    expect(readFileSync(join(target, "etc/here"), "utf8")).toBe("inside");
    expect(readlinkSync(join(target, "abs"))).toBe(outside);
    expect(existsSync("/etc/here")).toBe(false);
  });

  test("links to nothing and in circles are refused as ways", async () => {
    await refusal(tar(symlink("l", outside), file("l/secret", "x")));
    await refusal(tar(symlink("a", "b"), symlink("b", "a"), file("a/x", "x")));
    await refusal(tar(file("f", "x"), file("f/below", "x")));
  });

  test("a file through a link replaces the link, not its target", async () => {
    const { target } = await kernel.unpack(tar(symlink("l", join(outside, "secret")), file("l", "mine")));
    expect(readFileSync(join(target, "l"), "utf8")).toBe("mine");
  });

  test("hard links reach no file of the host", async () => {
    const secret = join(outside, "secret");
    await refusal(tar(hardLink("x", secret)));
    await refusal(tar(symlink("l", outside), hardLink("x", "l/secret")));
    await refusal(tar(hardLink("x", "/proc/self/exe")));
    await refusal(tar(directory("d"), hardLink("x", "d")));
    await refusal(tar(hardLink("x", ".")));
    // The link itself, never what it names.
    const { target } = await kernel.unpack(tar(symlink("l", secret), hardLink("x", "l"), file("x", "mine")));
    expect(readFileSync(join(target, "x"), "utf8")).toBe("mine");
  });

  test("replacing a directory stays inside it", async () => {
    const { target } = await kernel.unpack(tar(directory("d"), symlink("d/l", outside), file("d", "x")));
    expect(readFileSync(join(target, "d"), "utf8")).toBe("x");
  });
});

describe("the root", () => {
  test("cannot be deleted or replaced", async () => {
    for (const name of [".wh.", ".wh..", ".wh...", "a/.wh..", "a/.wh..."]) {
      expect(await refusal(tar(file(name)))).toContain("deletes no file");
    }
    for (const member of [
      file("."),
      file("/", "", { type: "0" }),
      symlink("./", "x"),
      hardLink(".", "x"),
      file("a/.."),
    ]) {
      expect(await refusal(tar(directory("a"), file("x"), member))).toContain("would replace the root");
    }
  });
});

describe("broken archives", () => {
  const broken = (name: string, change: (header: Uint8Array) => void): TarMember =>
    file(name, "data", { change });

  test("a wrong checksum", async () => {
    const archive = tar(file("a", "data"));
    archive[3] = 0x41;
    expect(await refusal(archive)).toContain("archive/tar: invalid tar header: its checksum is wrong");
    expect(await refusal(Buffer.from("this is no archive ".repeat(100)))).toContain("invalid tar header");
  });

  test("cut off anywhere", async () => {
    const archive = withoutEnd(file("a", "x".repeat(1000)), file("b", "y", { pax: { path: "c" } }));
    for (const length of [1, 511, 513, 1511, 2049, 2560, 2600, 3071, 3072]) {
      expect(await refusal(archive.subarray(0, length))).toContain("unexpected EOF");
    }
  });

  test("numbers that are none, negative or too large", async () => {
    await refusal(tar(broken("a", (block) => block.set(Buffer.from("12x"), 124))));
    await refusal(tar(broken("a", (block) => setBinaryNumber(block, 124, 12, -1n))));
    await refusal(tar(broken("a", (block) => setBinaryNumber(block, 124, 12, 1n << 80n))));
    await refusal(tar(broken("a", (block) => setBinaryNumber(block, 108, 8, 0xffffffffn))));
    await refusal(tar(broken("a", (block) => setBinaryNumber(block, 116, 8, -2n))));
    for (const [key, value] of [
      ["size", "-1"],
      ["size", "99999999999999999999"],
      ["uid", "4294967295"],
      ["gid", "x"],
      ["mtime", "1.5e3"],
      ["mtime", "."],
    ] as const) {
      expect(await refusal(tar(file("a", "", { pax: { [key]: value } })))).toContain("invalid tar header");
    }
  });

  test("pax records with lying lengths", async () => {
    for (const data of [
      "5 a=b\n",
      "7 a=b\n",
      "0 a=b\n",
      "-6 a=b\n",
      "6 ab=\n\n",
      "a=b\n",
      "6",
      "6 ",
      "99999999999999999999 a=b\n",
      "4 =\n",
      "5 ab\n",
    ]) {
      expect(await refusal(tar({ name: "x", type: "x", data }, file("a")))).toContain("invalid tar header");
    }
  });

  test("NUL bytes in names", async () => {
    expect(await refusal(tar(file("a", "", { pax: { path: "good\0bad" } })))).toContain("NUL byte");
    expect(await refusal(tar({ ...symlink("a", "b"), pax: { linkpath: "x\0y" } }))).toContain("NUL byte");
    expect(await refusal(tar({ name: "L", type: "L", data: "a\0b\0" }, file("a")))).toContain("NUL byte");
  });

  test("names that are too long, or none", async () => {
    await refusal(tar(file("x", "", { pax: { path: "n".repeat(256) } })));
    expect(await refusal(tar(file("x", "", { pax: { path: "d/".repeat(2048) } })))).toContain("too long");
    expect(await refusal(tar(symlink("x", "")))).toContain("create");
    expect(await refusal(tar(file("")))).toContain("without a name");
  });

  test("extended headers above a mebibyte, or at the end", async () => {
    await refusal(tar({ name: "x", type: "x", size: 2 << 20 }));
    await refusal(
      tar({ name: "x", type: "L", change: (block) => setBinaryNumber(block, 124, 12, 1n << 62n) }),
    );
    const header = withoutEnd({ name: "x", type: "x", data: paxRecords({ path: "a" }) });
    expect(await refusal(header)).toContain("unexpected EOF");
  });

  test("types that cannot be unpacked are named", async () => {
    expect(await refusal(tar(file("a", "", { type: "S" })))).toContain("sparse");
    expect(await refusal(tar(file("a", "", { pax: { "GNU.sparse.major": "1" } })))).toContain("sparse");
    expect(await refusal(tar(file("a", "", { type: "Z" })))).toContain("unhandled tar header type 90");
    expect(await refusal(tar(file("a", "", { type: "7" })))).toContain("unhandled tar header type 55");
  });

  test("control characters of a name do not reach the message", async () => {
    const message = await refusal(tar(file('../\x1b[2J\nfake"', "x")));
    expect(message).toContain("\\x1b[2J\\x0afake\\x22");
  });

  test("archives with random damage end in success or refusal, never in a crash", async () => {
    const archive = tar(
      directory("d", { uid: 1 }),
      file("d/f", "x".repeat(700), { pax: { path: "d/pax", mtime: "1.5", "SCHILY.xattr.user.a": "b" } }),
      { name: "L", type: "L", data: `${"n".repeat(120)}\0` },
      symlink("l", "d"),
      hardLink("h", "d/pax"),
      file("d/.wh.gone"),
    );
    let state = 12345;
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % below;
    };
    for (let round = 0; round < 150; round++) {
      const damaged = Buffer.from(archive);
      for (let i = 0; i <= random(4); i++) damaged[random(damaged.length)] = random(256);
      // Half of them with sums that are right again, so that the damage gets past the first check.
      if (round % 2 === 0) repairChecksums(damaged);
      const outcome = await kernel.unpack(damaged).catch((error: unknown) => error);
      if (outcome instanceof Error && !isKind(outcome, "invalid")) throw outcome;
    }
  }, 60_000);
});

function repairChecksums(archive: Buffer): void {
  for (let at = 0; at + 512 <= archive.length; at += 512) {
    const block = archive.subarray(at, at + 512);
    if (block.toString("latin1", 257, 262) !== "ustar") continue;
    block.fill(0x20, 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  }
}

describe("limits", () => {
  test("of members and bytes", async () => {
    const three = tar(file("a"), file("b"), file("c"));
    expect(String(await failureOf(kernel.unpack(three, { mostEntries: 2 })))).toContain("more than 2 files");
    await kernel.unpack(three, { mostEntries: 3 });
    const large = tar(file("a", "x".repeat(600)), file("b", "x".repeat(600)));
    expect(String(await failureOf(kernel.unpack(large, { mostBytes: 1199 })))).toContain(
      "larger than 1199 bytes",
    );
    await kernel.unpack(large, { mostBytes: 1200 });
    const huge = file("a", "", { change: (block) => setBinaryNumber(block, 124, 12, 1n << 62n) });
    expect(String(await failureOf(kernel.unpack(tar(huge))))).toContain("larger than");
  });

  test("of the disk are exhausted, not invalid", async () => {
    const target = kernel.directory();
    run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", target);
    try {
      const unpacker = createLayerUnpacker({ kernelPath: kernel.binary });
      const error = await failureOf(unpacker.unpack(target, inPieces(tar(file("a", "x".repeat(100_000))))));
      expect(isKind(error, "exhausted")).toBe(true);
      expect(String(error)).toContain('ENOSPC: write "a": No space left on device');
    } finally {
      run("umount", target);
    }
  });
});

describe("the process", () => {
  /** An archive whose second half comes when `go` is resolved. */
  function halting() {
    const archive = tar(file("a", "x".repeat(5000)), file("b", "y"));
    const reached = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    let closed = false;
    async function* source() {
      try {
        yield archive.subarray(0, 3000);
        reached.resolve();
        await go.promise;
        yield archive.subarray(3000);
      } finally {
        closed = true;
      }
    }
    return { source: source(), reached: reached.promise, go, isClosed: () => closed };
  }

  test("is locked in and has no more rights than it needs", async () => {
    const target = kernel.directory();
    const { source, go } = halting();
    // It confines itself before it reads: the file that it makes from the first half shows that it has.
    const watcher = watch(target);
    const fileMade = once(watcher, "change");
    const done = createLayerUnpacker({ kernelPath: kernel.binary }).unpack(target, source);
    await fileMade;
    watcher.close();
    const [pid] = kernelPids();
    expect(readlinkSync(`/proc/${pid}/root`)).toBe(target);
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    expect(/CapPrm:\t(\w+)/.exec(status)?.[1]).toBe("000000008820001b");
    expect(/CapEff:\t(\w+)/.exec(status)?.[1]).toBe("000000008820001b");
    expect(/NoNewPrivs:\t(\d)/.exec(status)?.[1]).toBe("1");
    expect(/Seccomp:\t(\d)/.exec(status)?.[1]).toBe(SANITIZED ? "0" : "2");
    go.resolve();
    expect((await done).sizeBytes).toBe(5001);
  });

  test("ends at once when the signal is aborted, and lets go of the source", async () => {
    const { source, reached, go, isClosed } = halting();
    const controller = new AbortController();
    const done = failureOf(
      createLayerUnpacker({ kernelPath: kernel.binary }).unpack(
        kernel.directory(),
        source,
        controller.signal,
      ),
    );
    await reached;
    controller.abort();
    expect(isKind(await done, "canceled")).toBe(true);
    expect(kernelPids()).toEqual([]);
    go.resolve();
    await source.return();
    expect(isClosed()).toBe(true);
  });

  test("ends when the source fails, with the source's error", async () => {
    async function* source() {
      yield tar(file("a", "x".repeat(5000))).subarray(0, 3000);
      throw new Error("connection lost");
    }
    const done = failureOf(
      createLayerUnpacker({ kernelPath: kernel.binary }).unpack(kernel.directory(), source()),
    );
    expect(String(await done)).toContain("connection lost");
    expect(kernelPids()).toEqual([]);
  });

  test("refuses early although the source goes on for ever", async () => {
    async function* source() {
      yield Buffer.alloc(1024, "x");
      for (;;) yield new Uint8Array(65_536);
    }
    const done = failureOf(
      createLayerUnpacker({ kernelPath: kernel.binary }).unpack(kernel.directory(), source()),
    );
    expect(isKind(await done, "invalid")).toBe(true);
  });

  test("that cannot begin is no fault of the archive", async () => {
    const missing = join(kernel.directory(), "missing");
    const unpacker = createLayerUnpacker({ kernelPath: kernel.binary });
    const error = await failureOf(unpacker.unpack(missing, inPieces(tar())));
    expect(isKind(error, "internal")).toBe(true);
    expect(String(error)).toContain(`ENOENT: open ${missing}`);
  });
});
