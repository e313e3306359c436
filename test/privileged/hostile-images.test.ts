/** Archives made to harm: a clear answer, no trace on the disk, a daemon that goes on. */
import { afterEach, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { TestDaemon } from "../support/daemon.ts";
import { BUSYBOX, NONE, withDaemon } from "../support/fixture.ts";
import { busyboxTar } from "../support/images.ts";
import { mustRun } from "../support/run-command.ts";
import { until } from "../support/until.ts";
import {
  directory,
  file,
  hardLink,
  setBinaryNumber,
  symlink,
  type TarMember,
  tar,
  withoutEnd,
} from "./kernel/tar-writer.ts";

const { daemon, scratch } = withDaemon();
const OUTSIDE = join(scratch, "outside");
const UP = "../".repeat(24);
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Names below the stores of images: what a refused archive must not add to. */
const stored = () =>
  ["content/ingest", "content/blobs/sha256", "snapshots"].flatMap((name) =>
    readdirSync(join(daemon.root, "d", name)).map((entry) => join(name, entry)),
  );

let before: readonly string[];
let pid: number;
beforeAll(() => {
  mkdirSync(OUTSIDE);
  writeFileSync(join(OUTSIDE, "kept"), "kept");
  before = stored();
  pid = daemon.pid;
});

afterEach(async () => {
  expect(readdirSync(OUTSIDE)).toEqual(["kept"]);
  expect(readFileSync(join(OUTSIDE, "kept"), "utf8")).toBe("kept");
  expect(daemon.pid).toBe(pid);
  expect((await daemon.api("GET", "/_ping")).status).toBe(200);
  expect(await daemon.mustDocker("images", "-aq")).toMatch(/^[0-9a-f]{12}$/);
  // Trees are removed after the client was answered.
  const added = () => stored().filter((name) => !before.includes(name));
  await until("nothing is left of it", () => added().length === 0);
});

/** What the client of an upload is told: the error of the answer, or the one in its stream. */
async function refusal(path: string, body: Uint8Array | Blob): Promise<string> {
  const response = await daemon.api("POST", path, { body: body as Uint8Array<ArrayBuffer> });
  const lines = (await response.text()).split("\n").filter((line) => line.trim() !== "");
  const last = JSON.parse(lines.at(-1) ?? "{}") as { message?: string; error?: string };
  const message = last.message ?? last.error;
  if (message === undefined) throw new Error(`it was taken: ${lines.join("\n")}`);
  // Sentences, neither stacks nor paths of ours.
  expect(message).not.toMatch(/\n {4}at |\.ts:|berth-[A-Za-z0-9]{6}\/|undefined|\[object/);
  return message;
}

const importing = (body: Uint8Array) => refusal("/images/create?fromSrc=-&repo=evil", body);
const loading = (body: Uint8Array | Blob) => refusal("/images/load", body);

/** Imports what is allowed, runs `script` in it, removes it. */
async function runImported(members: readonly TarMember[], script: string): Promise<string> {
  const busybox = readFileSync("/bin/busybox");
  const path = join(scratch, "harmless.tar");
  writeFileSync(path, tar(...members, directory("b"), file("b/sh", busybox, { mode: 0o755 })));
  await daemon.mustDocker("import", path, "harmless");
  const { stdout } = await daemon.docker("run", "--rm", ...NONE, "harmless", "/b/sh", "-c", script);
  await daemon.mustDocker("rmi", "harmless");
  return stdout;
}

describe("import", () => {
  const size = (value: bigint) =>
    file("big", "x", { change: (header) => setBinaryNumber(header, 124, 12, value) });
  const refused: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ["names that lead out", tar(file(`${UP}${OUTSIDE}/evil`, "x")), /outside|\.\.|invalid/],
    ["a hard link out", tar(hardLink("passwd", `${UP}etc/passwd`)), /passwd/],
    ["a hard link to an absolute path", tar(hardLink("kept", join(OUTSIDE, "kept"))), /No such file/],
    ["a hard link through a link", tar(symlink("l", OUTSIDE), hardLink("kept", "l/kept")), /No such file/],
    ["the root as a file", tar(file(".", "x")), /root/],
    ["the root as a link", tar(symlink("./", OUTSIDE)), /root/],
    ["a whiteout without a name", tar(file(".wh.")), /deletes no file|whiteout/],
    ["a whiteout of the directory above", tar(file(".wh...")), /deletes no file|whiteout/],
    ["a size of 8 EiB", tar(size(1n << 62n)), /size|large|bytes|EOF/],
    ["a negative size", tar(size(-1n)), /size|header|negative/],
    ["pax size that lies", tar(file("a", "x", { pax: { size: "99999999999999" } })), /large|bytes|EOF/],
    ["a cut archive", withoutEnd(file("a", "x".repeat(5000))).subarray(0, 2000), /unexpected EOF/],
    ["random bytes", crypto.getRandomValues(new Uint8Array(40_000)), /header|archive/],
    [
      "cut gzip",
      gzipSync(tar(file("a", crypto.getRandomValues(new Uint8Array(9000))))).subarray(0, 5000),
      /EOF|end/i,
    ],
    [
      "broken gzip",
      Buffer.concat([gzipSync(tar(file("a"))).subarray(0, 12), new Uint8Array(4000).fill(7)]),
      /./,
    ],
    ["a directory chain of 5000", tar(file(`${"d/".repeat(40)}f`), ...chain(5000)), /name|long|path/i],
  ];
  /** Each level's name is longer: pax names have no limit of their own. */
  function chain(depth: number): TarMember[] {
    return [file("deep", "x", { pax: { path: `${"d/".repeat(depth)}f` } })];
  }

  test.each(refused)("%s", async (_, archive, message) => {
    expect(await importing(archive)).toMatch(message);
  });

  test("links that lead out are kept as they are and followed by nobody", async () => {
    const members = [symlink("out", OUTSIDE), symlink("up", UP), symlink("etc", `${UP}etc`)];
    const written = await importing(tar(...members, file("out/evil", "x"))).catch(() => "taken");
    expect(written).toMatch(/./);
    await daemon.docker("rmi", "evil");
  });

  test("absolute names are the image's", async () => {
    expect(await runImported([file("/absolute", "inside")], "read -r x < /absolute; echo $x")).toBe(
      "inside\n",
    );
  });

  test("the last of several members of one name counts", async () => {
    const members = [
      file("x", "first"),
      symlink("x", OUTSIDE),
      directory("x"),
      symlink("x", join(OUTSIDE, "kept")),
      file("x", "last"),
    ];
    expect(await runImported(members, "read -r x < /x; echo $x")).toBe("last\n");
  });

  test("device nodes can be stored, not opened", async () => {
    const members = [
      file("disk", "", { type: "4", major: 254, minor: 0, mode: 0o666 }),
      file("mem", "", { type: "3", major: 1, minor: 1, mode: 0o666 }),
    ];
    expect(
      await runImported(
        members,
        "for f in disk mem; do { read -r x < /$f; } 2> /dev/null && echo $f; done; true",
      ),
    ).toBe("");
  });
});

const json = (value: unknown) => Buffer.from(JSON.stringify(value));

/** `docker save`'s form with one image; each part can be replaced. */
function archive(
  layers: readonly Uint8Array[],
  change: {
    diffIds?: readonly string[];
    config?: Uint8Array;
    manifest?: object;
    members?: readonly TarMember[];
  } = {},
): Uint8Array {
  const ids = change.diffIds ?? layers.map((layer) => `sha256:${sha256(layer)}`);
  const config =
    change.config ??
    json({ architecture: "amd64", os: "linux", config: {}, rootfs: { type: "layers", diff_ids: ids } });
  const names = layers.map((_, index) => `layer${index}.tar`);
  const entry = { Config: "config.json", RepoTags: ["evil:latest"], Layers: names, ...change.manifest };
  return tar(
    ...layers.map((layer, index) => file(`layer${index}.tar`, layer)),
    file("config.json", config),
    file("manifest.json", json([entry])),
    ...(change.members ?? []),
  );
}

const GOOD = tar(file("a", "a"));

describe("load", () => {
  test.each([`${UP}etc/passwd`, "/etc/passwd", "config.json/../../x", "nothing", "", "a\0b"])(
    "a manifest that names %p",
    async (name) => {
      expect(await loading(archive([GOOD], { manifest: { Config: name } }))).toMatch(
        /no such file|invalid|JSON|NUL/,
      );
      expect(await loading(archive([GOOD], { manifest: { Layers: [name] } }))).toMatch(
        /no such file|invalid|EOF|header|NUL|wrong/,
      );
    },
  );

  const links: readonly (readonly [string, readonly TarMember[]])[] = [
    ["a manifest.json that is a link out", [symlink("manifest.json", "/etc/passwd")]],
    ["a link to itself", [symlink("manifest.json", "manifest.json")]],
    ["a circle of links", [symlink("manifest.json", "a"), symlink("a", "b"), symlink("b", "manifest.json")]],
    ["a circle of hard links", [hardLink("manifest.json", "a"), hardLink("a", "manifest.json")]],
    ["a directory of that name", [directory("manifest.json/")]],
    ["a device of that name", [file("manifest.json", "", { type: "4", major: 254 })]],
    ["a member that leads out", [file(`${UP}evil`, "x")]],
  ];
  test.each(links)("%s", async (_, members) => {
    expect(await loading(tar(...members))).toMatch(/manifest\.json|invalid name|too many/);
  });

  const manifests: readonly (readonly [string, string])[] = [
    [
      "a million layers",
      JSON.stringify([{ Config: "c", RepoTags: [], Layers: Array.from({ length: 1_000_000 }, () => "l") }]),
    ],
    ["nesting", "[".repeat(200_000)],
    ["null", "null"],
    ["a list of null", "[null]"],
    ["numbers for names", '[{"Config":1,"RepoTags":2,"Layers":3}]'],
    ["a prototype", '[{"__proto__":{"Config":"x"},"constructor":1}]'],
    ["no JSON", "\u0000\u0001"],
  ];
  test.each(manifests)("a manifest of %s", async (_, text) => {
    expect(await loading(tar(file("manifest.json", text)))).toMatch(/manifest|JSON|bytes|no such file/i);
  });

  test.each([
    "../../x:latest",
    "-rf:latest",
    "UPPER:latest",
    "a b:latest",
    "\u001b[31mred:latest",
    "x".repeat(5000),
    "x:",
    "noTag",
  ])("the tag %p", async (tag) => {
    const message = await loading(archive([GOOD], { manifest: { RepoTags: [tag] } }));
    expect(message).toMatch(/invalid|tag|reference|repository name/);
    expect(message.length).toBeLessThan(6000);
  });

  test("a layer with another digest than its config says", async () => {
    expect(await loading(archive([GOOD], { diffIds: [`sha256:${"0".repeat(64)}`] }))).toMatch(
      /wrong diff ?id|digest|expected/i,
    );
  });

  test("more or fewer layers than the config says", async () => {
    const id = `sha256:${sha256(GOOD)}`;
    expect(await loading(archive([GOOD], { diffIds: [] }))).toContain("layers length mismatch");
    expect(await loading(archive([GOOD], { diffIds: [id, id] }))).toContain("layers length mismatch");
    const many = Array.from({ length: 200 }, () => GOOD);
    expect(await loading(archive(many))).toMatch(/more than 125|max depth|layers/);
  });

  test.each([
    ["diff_ids that are paths", ["../../etc"]],
    ["a digest of another kind", ["md5:00"]],
    ["no text", [5]],
  ])("%s", async (_, diffIds) => {
    expect(await loading(archive([GOOD], { diffIds: diffIds as string[] }))).toMatch(/invalid/);
  });

  test("a hostile layer in an honest image", async () => {
    const bad = tar(file(`${UP}${OUTSIDE}/evil`, "x"));
    expect(await loading(archive([GOOD, bad]))).toMatch(/outside|\.\.|invalid/);
    const cut = tar(file("b", "b".repeat(2000))).subarray(0, 1000);
    expect(await loading(archive([GOOD, cut, GOOD]))).toMatch(/EOF/);
  });

  test("a config of 100 MB is not read", async () => {
    const config = Buffer.alloc(100 << 20, 0x20);
    config.write("{", 0);
    const peak = () => Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
    const peakBefore = peak();
    expect(await loading(archive([GOOD], { config }))).toMatch(/config|bytes|larger|exceed/i);
    expect(peak() - peakBefore).toBeLessThan(200 * 1024);
  }, 60_000);

  test("a hundred thousand members", async () => {
    const one = withoutEnd(directory("x"));
    const all = Buffer.concat(Array.from({ length: 100_000 }, () => one));
    expect(await loading(new Blob([all]))).toMatch(/more than 65536 entries/);
  }, 60_000);
});

describe("OCI layouts", () => {
  const descriptor = (bytes: Uint8Array, more: object = {}) => ({
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: `sha256:${sha256(bytes)}`,
    size: bytes.length,
    ...more,
  });
  const blob = (bytes: Uint8Array) => file(`blobs/sha256/${sha256(bytes)}`, bytes);
  const layout = (index: object, ...members: TarMember[]) =>
    tar(file("oci-layout", '{"imageLayoutVersion":"1.0.0"}'), file("index.json", json(index)), ...members);
  const index = (...manifests: object[]) => ({ schemaVersion: 2, manifests });

  test("digests that are paths", async () => {
    for (const digest of ["sha256:../../../etc/passwd", "../../x", "sha256:", `sha256:${"A".repeat(64)}`])
      expect(await loading(layout(index(descriptor(GOOD, { digest }))))).toMatch(/digest|invalid/);
  });

  test("a blob with other bytes, or another size", async () => {
    const manifest = json({ schemaVersion: 2 });
    const name = `blobs/sha256/${sha256(manifest)}`;
    expect(await loading(layout(index(descriptor(manifest)), file(name, "other")))).toContain(
      "other content",
    );
    expect(await loading(layout(index(descriptor(manifest, { size: 2 ** 50 })), blob(manifest)))).toMatch(
      /other content|size|invalid/,
    );
  });

  test("an index that leads to no image, deep down", async () => {
    const type = "application/vnd.oci.image.index.v1+json";
    const members: TarMember[] = [];
    let next: object = descriptor(json({ nothing: 1 }));
    for (let depth = 0; depth < 12; depth++) {
      const bytes = json({ schemaVersion: 2, mediaType: type, manifests: [next] });
      members.push(blob(bytes));
      next = { ...descriptor(bytes), mediaType: type };
    }
    expect(await loading(layout(index(next), ...members))).toMatch(/nested too deeply|platform/);
  });

  test("both a manifest and an index (CVE-2021-41190)", async () => {
    const both = json({ schemaVersion: 2, manifests: [], config: descriptor(GOOD), layers: [] });
    expect(await loading(layout(index(descriptor(both)), blob(both)))).toMatch(
      /neither a manifest nor an index|invalid/,
    );
  });
});

describe("a small disk", () => {
  test("a bomb of zeros fills it and is swept; the daemon goes on", async () => {
    const small = new TestDaemon();
    await mustRun(["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", small.root]);
    try {
      await small.start();
      const used = () => readdirSync(join(small.root, "d/snapshots"));
      // A file of 1 GiB of zeros: 1 MiB to send.
      const head = withoutEnd(file("zeros", "", { size: 2 ** 30 }));
      const zeros = join(scratch, "zeros.tar.gz");
      await mustRun(
        ["sh", "-c", `{ cat; head -c 1073741824 /dev/zero; head -c 1024 /dev/zero; } | gzip -1 > ${zeros}`],
        { input: Buffer.from(head) },
      );
      const { code, stderr } = await small.docker("import", zeros, "bomb");
      expect(code).toBe(1);
      expect(stderr).toMatch(/no space left on device|ENOSPC/);
      await until("the disk is free again", () => used().length === 0);
      const honest = await busyboxTar(scratch, () => {}, "honest.tar");
      await small.mustDocker("import", honest, BUSYBOX);
      expect((await small.docker("run", "--rm", ...NONE, BUSYBOX, "echo", "well")).stdout).toBe("well\n");
      await small.mustDocker("rmi", BUSYBOX);
      expect(existsSync(join(small.root, "d/berth.db"))).toBe(true);
    } finally {
      await small.stop();
      // Lazily: prepared shims, whose directories are on it, end a moment after the daemon.
      await mustRun(["umount", "--lazy", small.root]);
      await small.dispose();
    }
  }, 120_000);
});
