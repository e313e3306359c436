import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  createReadStream,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { sha256 } from "../../../src/host/hashing.ts";
import { buildHelloImage } from "../../../src/oci/hello-image.ts";
import { MediaType } from "../../../src/oci/manifest.ts";
import { bodyOf } from "../../../src/store/testing/image-archives.ts";
import { makeBusyboxRoot } from "../../support/images.ts";
import { mustRun } from "../../support/run-command.ts";
import { NATIVE, StoreFixture } from "./store-fixture.ts";

let directory: string;
let rootTar: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "berth-real-"));
  const root = makeBusyboxRoot(directory);
  rootTar = join(directory, "root.tar");
  await mustRun(["tar", "-C", root, "--numeric-owner", "--owner=0", "--group=0", "-cf", rootTar, "."]);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const never = new AbortController().signal;
const load = (fixture: StoreFixture, path: string) =>
  Array.fromAsync(fixture.service.load(createReadStream(path), { quiet: true, platform: undefined }, never));

/** An OCI layout on disk: busybox, and above it a layer that changes, hides and removes. */
async function makeLayout(): Promise<string> {
  const layout = join(directory, "layout");
  const blobs = join(layout, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  const over = join(directory, "over");
  mkdirSync(join(over, "etc"), { recursive: true });
  mkdirSync(join(over, "bin"));
  writeFileSync(join(over, "etc/motd"), "above\n");
  writeFileSync(join(over, "etc/.wh.passwd"), "");
  writeFileSync(join(over, "bin/.wh..wh..opq"), "");
  const overTar = join(directory, "over.tar");
  await mustRun([
    "tar",
    "-C",
    over,
    "--numeric-owner",
    "--owner=7",
    "--group=8",
    "-cf",
    overTar,
    "etc",
    "bin",
  ]);
  const put = (data: Uint8Array, mediaType: string) => {
    writeFileSync(join(blobs, sha256(data)), data);
    return { mediaType, digest: `sha256:${sha256(data)}`, size: data.length };
  };
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const tars = [rootTar, overTar].map((path) => new Uint8Array(readFileSync(path)));
  const layers = tars.map((tar) => put(gzipSync(tar), MediaType.ociLayerGzip));
  const diffIds = tars.map((tar) => `sha256:${sha256(tar)}`);
  const architecture = process.arch === "arm64" ? "arm64" : "amd64";
  const config = put(
    json({
      architecture,
      os: "linux",
      config: { Cmd: ["sh"] },
      rootfs: { type: "layers", diff_ids: diffIds },
    }),
    MediaType.ociConfig,
  );
  const manifest = put(
    json({ schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers }),
    MediaType.ociManifest,
  );
  const annotations = { "org.opencontainers.image.ref.name": "layered:1" };
  writeFileSync(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(
    join(layout, "index.json"),
    json({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  );
  return layout;
}

async function expectLayered(fixture: StoreFixture): Promise<void> {
  const image = await fixture.service.resolve("layered:1");
  await fixture.store.layers.prepare("container", image.topSnapshot);
  const { lowerDirs, upperDir } = await fixture.store.layers.root("container");
  const [top = "", bottom = ""] = lowerDirs;
  expect(statSync(join(bottom, "bin/busybox")).mode & 0o7777).toBe(0o755);
  expect(statSync(join(bottom, "tmp")).mode & 0o7777).toBe(0o1777);
  expect(readFileSync(join(top, "etc/motd"), "utf8")).toBe("above\n");
  expect(statSync(join(top, "etc/motd"))).toMatchObject({ uid: 7, gid: 8 });
  const whiteout = lstatSync(join(top, "etc/passwd"));
  expect(whiteout.isCharacterDevice() && whiteout.rdev === 0).toBe(true);
  expect(readdirSync(join(top, "bin"))).toEqual([]);
  expect(statSync(upperDir).mode & 0o7777).toBe(statSync(bottom).mode & 0o7777);
  expect(await fixture.store.layers.usage("container")).toBeLessThan(64 << 10);
  await fixture.store.layers.remove("container");
}

describe("archives of other programs", () => {
  test("skopeo's docker-archive and OCI archive, two layers with whiteouts", async () => {
    const layout = await makeLayout();
    const copies = ["docker-archive", "oci-archive"].map(
      (kind) => [kind, join(directory, `${kind}.tar`)] as const,
    );
    for (const [kind, path] of copies) {
      const target = `${kind}:${path}:layered:1`;
      await mustRun(["skopeo", "--insecure-policy", "copy", "--quiet", `oci:${layout}:layered:1`, target]);
      await using fixture = await StoreFixture.open();
      expect(await load(fixture, path)).toEqual([{ stream: "Loaded image: layered:1\n" }]);
      await expectLayered(fixture);
      await fixture.service.remove("layered:1", { force: false, noPrune: false });
      await fixture.store.layers.settled();
      expect(readdirSync(join(fixture.root, "snapshots"))).toEqual([]);
    }
  });

  test("a busybox root imported, gzip and zstd", async () => {
    const [gz, zst] = [`${rootTar}.gz`, `${rootTar}.zst`];
    writeFileSync(gz, gzipSync(readFileSync(rootTar)));
    await mustRun(["zstd", "-q", "-f", rootTar, "-o", zst]);
    await using fixture = await StoreFixture.open();
    for (const path of [rootTar, gz, zst]) {
      const options = { repo: "busybox", tag: "", message: "", changes: ["CMD sh"], platform: undefined };
      const [message] = await Array.fromAsync(fixture.service.import(createReadStream(path), options, never));
      expect(message?.status).toStartWith("sha256:");
    }
    const image = await fixture.service.resolve("busybox");
    expect(image.config.rootfs.diff_ids).toEqual([`sha256:${sha256(readFileSync(rootTar))}`]);
    await fixture.store.layers.settled();
    expect(readdirSync(join(fixture.root, "snapshots"))).toHaveLength(1);
  });

  test("the hello image of the program that was built", async () => {
    await using fixture = await StoreFixture.open();
    const archive = await buildHelloImage(new Uint8Array(readFileSync(join(NATIVE, "hello"))));
    const messages = fixture.service.load(bodyOf(archive), { quiet: true, platform: undefined }, never);
    expect(await Array.fromAsync(messages)).toEqual([{ stream: "Loaded image: hello-world:latest\n" }]);
    const { topSnapshot = "" } = await fixture.service.resolve("hello-world");
    const { upperDir } = await fixture.store.layers.root(topSnapshot);
    expect(statSync(join(upperDir, "hello")).mode & 0o7777).toBe(0o755);
  });
});

describe("a hostile layer", () => {
  test("does not leave its directory, and leaves nothing", async () => {
    await using fixture = await StoreFixture.open();
    const evil = join(directory, "evil.tar");
    const outside = join(directory, "outside");
    await mustRun([
      "tar",
      "-C",
      directory,
      "-cf",
      evil,
      "--transform",
      `s,root.tar,../../../../../../..${outside},`,
      "-P",
      "root.tar",
    ]);
    const options = { repo: "evil", tag: "", message: "", changes: [], platform: undefined };
    const outcome = await Array.fromAsync(
      fixture.service.import(createReadStream(evil), options, never),
    ).catch((error: unknown) => error);
    expect(() => statSync(outside)).toThrow("ENOENT");
    await fixture.store.layers.settled();
    expect(outcome).toMatchObject({ kind: "invalid" });
    expect(readdirSync(join(fixture.root, "snapshots"))).toEqual([]);
  });
});
