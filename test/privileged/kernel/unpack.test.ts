/** What an honest archive becomes. */
import { describe, expect, test } from "bun:test";
import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { run, withKernel, xattr } from "./kernel-fixture.ts";
import { directory, file, hardLink, setBinaryNumber, symlink, tar, withoutEnd } from "./tar-writer.ts";

const kernel = withKernel();

/** "type mode uid:gid mtime" as stat sees it, links not followed. */
function describeFile(path: string): string {
  const st = lstatSync(path, { bigint: true });
  const type = ["", "fifo", "char", "", "dir", "", "block", "", "file", "", "link"][Number(st.mode >> 12n)];
  return `${type} ${(st.mode & 0o7777n).toString(8)} ${st.uid}:${st.gid} ${st.mtimeNs}`;
}

const SECOND = "000000000";

describe("members", () => {
  test("of every type get owner, mode and time", async () => {
    const { target, sizeBytes } = await kernel.unpack(
      tar(
        directory("./", { mode: 0o750, uid: 3, gid: 4, mtime: 10 }),
        directory("dir/", { mode: 0o1777, uid: 1, gid: 2, mtime: 11 }),
        file("dir/file", "hello", { mode: 0o640, uid: 1000, gid: 2_000_000, mtime: 12 }),
        file("dir/setuid", "x", { mode: 0o6755, uid: 7, gid: 8, mtime: 13 }),
        { ...symlink("dir/link", "../nowhere"), uid: 5, gid: 6, mtime: 14 },
        { name: "dir/fifo", type: "6", mode: 0o622, mtime: 15 },
        { name: "dir/null", type: "3", major: 1, minor: 3, mode: 0o666, uid: 9, mtime: 16 },
        { name: "dir/disk", type: "4", major: 259, minor: 70_000, mode: 0o660, gid: 6, mtime: 17 },
        hardLink("dir/second", "dir/file"),
        file("old", "v7", { type: "\0", mtime: 18 }),
        { name: "olddir/", type: "\0", mtime: 19 },
      ),
    );
    const at = (name: string) => describeFile(join(target, name));
    expect(at("")).toBe(`dir 750 3:4 10${SECOND}`);
    expect(at("dir")).toBe(`dir 1777 1:2 11${SECOND}`);
    expect(at("dir/file")).toBe(`file 640 1000:2000000 12${SECOND}`);
    expect(at("dir/setuid")).toBe(`file 6755 7:8 13${SECOND}`);
    expect(at("dir/link")).toBe(`link 777 5:6 14${SECOND}`);
    expect(at("dir/fifo")).toBe(`fifo 622 0:0 15${SECOND}`);
    expect(at("dir/null")).toBe(`char 666 9:0 16${SECOND}`);
    expect(at("dir/disk")).toBe(`block 660 0:6 17${SECOND}`);
    expect(at("old")).toBe(`file 644 0:0 18${SECOND}`);
    expect(at("olddir")).toBe(`dir 644 0:0 19${SECOND}`);
    expect(readlinkSync(join(target, "dir/link"))).toBe("../nowhere");
    const device = Bun.spawnSync(["stat", "-c", "%Hr:%Lr", join(target, "dir/disk")]).stdout.toString();
    expect(device).toBe("259:70000\n");
    const [first, second] = ["dir/file", "dir/second"].map((name) => statSync(join(target, name)));
    expect(second?.ino).toBe(first?.ino ?? 0);
    expect(sizeBytes).toBe("hello".length + "x".length + "v7".length);
  });

  test("pax headers say more, and only about the next member", async () => {
    const long = `${"d".repeat(200)}/${"é".repeat(120)}`;
    const { target } = await kernel.unpack(
      tar(
        file("short", "1", {
          pax: { path: long, mtime: "1234567890.123456789", uid: "70000", gid: "4000000000" },
        }),
        symlink("ignored", "x"),
        { ...symlink("l", "x"), pax: { linkpath: "y".repeat(300), mtime: "-5.5" } },
        file("plain", "2", { pax: { comment: "nothing", path: "" } }),
      ),
    );
    expect(describeFile(join(target, long))).toBe("file 644 70000:4000000000 1234567890123456789");
    expect(readlinkSync(join(target, "l"))).toBe("y".repeat(300));
    expect(lstatSync(join(target, "l")).mtimeMs).toBe(0);
    expect(readdirSync(target).sort()).toEqual(["d".repeat(200), "ignored", "l", "plain"]);
    expect(describeFile(join(target, long.slice(0, 200))).startsWith("dir 755 0:0")).toBe(true);
  });

  test("GNU's long names and binary numbers", async () => {
    const name = `gnu/${"n".repeat(150)}`;
    const big = file("big", "", { change: (block) => setBinaryNumber(block, 108, 8, 3_000_000n) });
    const { target } = await kernel.unpack(
      tar(
        { name: "././@LongLink", type: "L", data: `${name}\0` },
        { name: "././@LongLink", type: "K", data: `${"t".repeat(180)}\0` },
        symlink("cut", "cut"),
        big,
        file("old-time", "", { change: (block) => setBinaryNumber(block, 136, 12, -1n) }),
      ),
    );
    expect(readlinkSync(join(target, name))).toBe("t".repeat(180));
    expect(statSync(join(target, "big")).uid).toBe(3_000_000);
    expect(statSync(join(target, "old-time")).mtimeMs).toBe(0);
  });

  test("ustar's prefix", async () => {
    const member = file("name", "p", { change: (block) => block.set(Buffer.from("some/where"), 345) });
    const { target } = await kernel.unpack(tar(member));
    expect(readFileSync(join(target, "some/where/name"), "utf8")).toBe("p");
  });

  test("a global header changes nothing", async () => {
    const { target } = await kernel.unpack(
      tar({ name: "pax_global_header", type: "g", data: "13 path=evil\n" }, file("good", "1")),
    );
    expect(readdirSync(target)).toEqual(["good"]);
  });

  test("extended attributes, capabilities among them; none that steer overlayfs", async () => {
    const capability = Buffer.from("0000000200040000000000000000000000000000", "hex").fill(1, 0, 1);
    const { target } = await kernel.unpack(
      tar(
        file("ping", "x", {
          uid: 5,
          mode: 0o755,
          pax: {
            "SCHILY.xattr.security.capability": capability,
            "SCHILY.xattr.user.note": new Uint8Array([0, 1, 10, 255]),
            "SCHILY.xattr.trusted.overlay.redirect": "/etc",
            "SCHILY.xattr.user.overlay.redirect": "/etc",
            "SCHILY.xattr.security.selinux": "x",
          },
        }),
        directory("d", { pax: { "SCHILY.xattr.trusted.overlay.opaque": "y", "SCHILY.xattr.user.d": "1" } }),
        { ...symlink("l", "ping"), pax: { "SCHILY.xattr.user.note": "not on links" } },
      ),
    );
    expect(xattr(join(target, "ping"), "security.capability")).toBe(capability.toString("hex"));
    expect(xattr(join(target, "ping"), "user.note")).toBe("00010aff");
    for (const name of ["trusted.overlay.redirect", "user.overlay.redirect", "security.selinux"]) {
      expect(xattr(join(target, "ping"), name)).toBeUndefined();
    }
    expect(xattr(join(target, "d"), "trusted.overlay.opaque")).toBeUndefined();
    expect(xattr(join(target, "d"), "user.d")).toBe("31");
  });
});

describe("places", () => {
  test("missing parents are made, existing ones stay as they are", async () => {
    const { target } = await kernel.unpack(
      tar(directory("a", { mode: 0o700, uid: 4 }), file("a/b/c/d", "1"), file("/x//y/./z/../w", "2")),
    );
    expect(describeFile(join(target, "a")).startsWith("dir 700 4:0")).toBe(true);
    expect(describeFile(join(target, "a/b/c")).startsWith("dir 755 0:0")).toBe(true);
    expect(readFileSync(join(target, "x/y/w"), "utf8")).toBe("2");
    expect(readdirSync(join(target, "x/y"))).toEqual(["w"]);
  });

  test("links on the way are followed inside the root", async () => {
    const { target } = await kernel.unpack(
      tar(
        directory("usr/lib"),
        symlink("lib", "usr/lib"),
        symlink("abs", "/usr"),
        symlink("up", "../../../usr"),
        file("lib/a", "1"),
        file("abs/b", "2"),
        file("up/c", "3"),
        hardLink("d", "abs/b"),
      ),
    );
    expect(readdirSync(join(target, "usr")).sort()).toEqual(["b", "c", "lib"]);
    expect(readFileSync(join(target, "usr/lib/a"), "utf8")).toBe("1");
    expect(readFileSync(join(target, "d"), "utf8")).toBe("2");
  });

  test("what comes later replaces what came before; directories are merged", async () => {
    const { target } = await kernel.unpack(
      tar(
        file("file", "old"),
        file("file", "new", { mode: 0o600 }),
        directory("merged", { mode: 0o700 }),
        file("merged/kept", "1"),
        directory("merged", { mode: 0o711 }),
        file("to-dir", "1"),
        directory("to-dir"),
        file("to-dir/x", "1"),
        file("to-file/a/b", "1"),
        file("to-file", "2"),
        directory("elsewhere"),
        symlink("link", "elsewhere"),
        directory("link"),
        file("link/inside", "1"),
        symlink("link2", "elsewhere"),
        file("link2/first", "1"),
        file("link2", "file now"),
        directory("loop", { mtime: 5 }),
        symlink("loop", "elsewhere"),
      ),
    );
    expect(readFileSync(join(target, "file"), "utf8")).toBe("new");
    expect(lstatSync(join(target, "file")).mode & 0o7777).toBe(0o600);
    expect(readdirSync(join(target, "merged"))).toEqual(["kept"]);
    expect(lstatSync(join(target, "merged")).mode & 0o7777).toBe(0o711);
    expect(readdirSync(join(target, "to-dir"))).toEqual(["x"]);
    expect(readFileSync(join(target, "to-file"), "utf8")).toBe("2");
    expect(lstatSync(join(target, "link")).isDirectory()).toBe(true);
    expect(readdirSync(join(target, "elsewhere"))).toEqual(["first"]);
    expect(lstatSync(join(target, "link2")).isFile()).toBe(true);
    expect(lstatSync(join(target, "elsewhere")).mtimeMs).not.toBe(5000);
  });

  test("a hard link is to the link, not to what it points at; to itself it is nothing", async () => {
    const { target } = await kernel.unpack(
      tar(file("a", "1"), symlink("l", "a"), hardLink("h", "l"), hardLink("a", "/a"), hardLink("l", "a")),
    );
    expect(readlinkSync(join(target, "h"))).toBe("a");
    expect(readFileSync(join(target, "a"), "utf8")).toBe("1");
    expect(lstatSync(join(target, "l")).ino).toBe(lstatSync(join(target, "a")).ino);
  });

  test("paths of two thousand levels", async () => {
    const deep = `${"d/".repeat(2046)}f`;
    const { target } = await kernel.unpack(tar(file("x", "deep", { pax: { path: deep } })));
    const found = Bun.spawnSync(["find", target, "-name", "f", "-printf", "%d"]).stdout.toString();
    expect(found).toBe("2047");
  });
});

/** Names below the mount of `layers` (topmost first), directories with a slash. */
function seenThrough(...layers: readonly string[]): string[] {
  const mount = kernel.directory();
  run("mount", "-t", "overlay", "overlay", "-o", `ro,lowerdir=${layers.join(":")}`, mount);
  try {
    return readdirSync(mount, { recursive: true, withFileTypes: true })
      .map(
        (entry) =>
          join(entry.parentPath, entry.name).slice(mount.length + 1) + (entry.isDirectory() ? "/" : ""),
      )
      .sort();
  } finally {
    run("umount", mount);
  }
}

async function lowerLayer(...names: readonly string[]): Promise<string> {
  return (await kernel.unpack(tar(...names.map((name) => file(name, "lower"))))).target;
}

describe("whiteouts", () => {
  test("hide files and directories of lower layers", async () => {
    const lower = await lowerLayer("a/kept", "a/gone", "b/x", "c");
    const { target } = await kernel.unpack(tar(file("a/.wh.gone"), file(".wh.b"), file(".wh.missing")));
    expect(seenThrough(target, lower)).toEqual(["a/", "a/kept", "c"]);
  });

  test("an opaque directory shows only its own", async () => {
    const lower = await lowerLayer("a/x", "a/y", "b/x");
    const { target } = await kernel.unpack(tar(directory("a"), file("a/.wh..wh..opq"), file("a/new", "1")));
    expect(seenThrough(target, lower)).toEqual(["a/", "a/new", "b/", "b/x"]);
  });

  test("do not touch what the same layer brings, in either order", async () => {
    const lower = await lowerLayer("d/old", "e/old", "f/old", "g");
    const { target } = await kernel.unpack(
      tar(
        file(".wh.d"),
        directory("d"),
        file("d/new", "1"),
        file("e/new", "1"),
        file(".wh.e"),
        file(".wh.f"),
        file("f/new", "1"),
        file("g", "new"),
        file(".wh.g"),
      ),
    );
    expect(seenThrough(target, lower)).toEqual(["d/", "d/new", "e/", "e/new", "f/", "f/new", "g"]);
    expect(readFileSync(join(target, "g"), "utf8")).toBe("new");
  });

  test("AUFS's own files are left out", async () => {
    const { target } = await kernel.unpack(
      tar(
        directory(".wh..wh.plnk"),
        file(".wh..wh.plnk/12.34", "x"),
        file(".wh..wh.aufs"),
        file("a/.wh..wh.x"),
        file("b"),
      ),
    );
    expect(readdirSync(target)).toEqual(["b"]);
  });
});

describe("ends", () => {
  test("an archive may end without blocks of zeros, with one, or with padding after them", async () => {
    const members = withoutEnd(file("a", "1"));
    for (const end of [0, 512, 1024, 10_240, 1_000_000]) {
      const { target, sizeBytes } = await kernel.unpack(Buffer.concat([members, new Uint8Array(end)]));
      expect(readdirSync(target)).toEqual(["a"]);
      expect(sizeBytes).toBe(1);
    }
  });

  test("nothing at all is an empty layer", async () => {
    const { target, sizeBytes } = await kernel.unpack(new Uint8Array(0), { sync: true });
    expect(readdirSync(target)).toEqual([]);
    expect(sizeBytes).toBe(0);
  });
});
