/**
 * Images to measure with, as docker-archives. Their content is cut out of a Debian root, so that it compresses as programs
 * do, and is the same in every run.
 */
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { debianTar } from "../test/support/images.ts";
import { mustRun } from "../test/support/run-command.ts";

const SMALL_FILES_PER_LAYER = 2500;
const SMALL_FILE_BYTES = 14_000;
const LARGE_LAYER_BYTES = 45_000_000;

/** Ten layers, some 500 MB: a Debian root, five layers of 2,500 small files each, four of one large file each. */
export async function tenLayerArchive(scratch: string, name: string): Promise<string> {
  const source = readFileSync(await debianTar());
  const layers: string[] = [];
  for (let number = 0; number < 10; number++) {
    const tar = join(scratch, `layer-${number}.tar`);
    layers.push(tar);
    if (number === 0) {
      copyFileSync(await debianTar(), tar);
      continue;
    }
    const root = join(scratch, `layer-${number}`);
    if (number <= 5) writeSmallFiles(root, source, number);
    else writeLargeFile(root, source, number);
    await packTar(root, tar);
  }
  return await dockerArchive(scratch, [{ name, layers }], "ten-layers.tar");
}

/** One layer that does not compress, `megabytes` large. */
export async function largeArchive(scratch: string, name: string, megabytes: number): Promise<string> {
  const root = join(scratch, "large");
  mkdirSync(root);
  await mustRun(["dd", "if=/dev/urandom", `of=${join(root, "file")}`, "bs=1M", `count=${megabytes}`]);
  const tar = join(scratch, "large.tar");
  await packTar(root, tar);
  return await dockerArchive(scratch, [{ name, layers: [tar] }], "large-image.tar");
}

/** Many images over one small layer. */
export async function manyImagesArchive(scratch: string, count: number): Promise<string> {
  const root = join(scratch, "many");
  mkdirSync(root);
  writeFileSync(join(root, "file"), "one\n");
  const tar = join(scratch, "many.tar");
  await packTar(root, tar);
  const images = Array.from({ length: count }, (_, number) => ({
    name: `many-${number}:latest`,
    layers: [tar],
  }));
  return await dockerArchive(scratch, images, "many-images.tar");
}

function writeSmallFiles(root: string, source: Uint8Array, layer: number): void {
  for (let file = 0; file < SMALL_FILES_PER_LAYER; file++) {
    const directory = join(root, "small", String(file % 50));
    if (file < 50) mkdirSync(directory, { recursive: true });
    const from =
      ((layer * SMALL_FILES_PER_LAYER + file) * SMALL_FILE_BYTES) % (source.length - SMALL_FILE_BYTES);
    writeFileSync(join(directory, `${layer}-${file}`), source.subarray(from, from + SMALL_FILE_BYTES));
  }
}

function writeLargeFile(root: string, source: Uint8Array, layer: number): void {
  mkdirSync(root);
  const from = ((layer * LARGE_LAYER_BYTES) / 2) % (source.length - LARGE_LAYER_BYTES);
  writeFileSync(join(root, `large-${layer}`), source.subarray(from, from + LARGE_LAYER_BYTES));
}

async function packTar(root: string, tar: string): Promise<void> {
  const same = ["--sort=name", "--mtime=@1700000000", "--numeric-owner", "--owner=0", "--group=0"];
  await mustRun(["tar", "-C", root, ...same, "-cf", tar, "."]);
  rmSync(root, { recursive: true });
}

async function dockerArchive(
  scratch: string,
  images: readonly { readonly name: string; readonly layers: readonly string[] }[],
  archive: string,
): Promise<string> {
  const root = join(scratch, "archive");
  mkdirSync(root);
  const digests = new Map<string, string>();
  for (const tar of new Set(images.flatMap(({ layers }) => layers))) {
    const { stdout } = Bun.spawnSync(["sha256sum", tar]);
    const digest = stdout.toString().slice(0, 64);
    digests.set(tar, digest);
    await mustRun(["mv", tar, join(root, `${digest}.tar`)]);
  }
  const manifest = images.map(({ name, layers }) => {
    const hexes = layers.map((tar) => digests.get(tar) ?? "");
    const config = imageConfig(name, hexes);
    const id = createHash("sha256").update(config).digest("hex");
    writeFileSync(join(root, `${id}.json`), config);
    return { Config: `${id}.json`, RepoTags: [name], Layers: hexes.map((hex) => `${hex}.tar`) };
  });
  writeFileSync(join(root, "manifest.json"), JSON.stringify(manifest));
  const path = join(scratch, archive);
  await mustRun(["tar", "-C", root, "-cf", path, "."]);
  rmSync(root, { recursive: true });
  return path;
}

function imageConfig(name: string, hexes: readonly string[]): string {
  return JSON.stringify({
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    created: "2024-01-01T00:00:00Z",
    config: { Cmd: ["/bin/true"], Labels: { name } },
    rootfs: { type: "layers", diff_ids: hexes.map((hex) => `sha256:${hex}`) },
    history: hexes.map(() => ({ created: "2024-01-01T00:00:00Z", created_by: "bench" })),
  });
}
