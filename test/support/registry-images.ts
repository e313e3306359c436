/** Images for registries: made in memory, brought there by skopeo, which is nobody of ours. */
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { layerTar, ociLayout, type TestImage } from "../../src/store/testing/image-archives.ts";
import { busyboxTar } from "./images.ts";
import type { TestRegistry } from "./registry.ts";
import { mustRun } from "./run-command.ts";

const QUIET = ["--insecure-policy", "copy", "-q"] as const;

export function skopeo(scratch: string, ...args: readonly string[]): Promise<string> {
  return mustRun(["skopeo", "--tmpdir", scratch, ...args]);
}

/** An image whose first layer is busybox; `texts` are files of a layer each. */
export async function busyboxImage(
  scratch: string,
  texts: readonly string[] = [],
  config: object = {},
): Promise<TestImage> {
  const base = new Uint8Array(await Bun.file(await busyboxTar(scratch, undefined, "base.tar")).arrayBuffer());
  const layers = texts.map((text, index) => layerTar({ [`layer-${index}`]: text }));
  return { layers: [base, ...layers], config: { Cmd: ["cat", "/layer-0"], ...config } };
}

/** Layers of so many bytes that do not compress. */
export function bulkyImage(sizes: readonly number[]): TestImage {
  return {
    layers: sizes.map((size, index) => layerTar({ [`bulk-${index}`]: randomBytes(size).toString("latin1") })),
  };
}

/** Copies an image to `<registry>/<repository>:<tag>`, its layers gzipped. Returns the manifest's digest. */
export async function publish(
  scratch: string,
  registry: TestRegistry,
  image: TestImage,
  reference: string,
): Promise<string> {
  const archive = join(scratch, "publish.tar");
  await Bun.write(
    archive,
    new Uint8Array(ociLayout([{ image, annotations: { "org.opencontainers.image.ref.name": "x" } }])),
  );
  await skopeo(
    scratch,
    ...QUIET,
    "--dest-tls-verify=false",
    `oci-archive:${archive}:x`,
    `docker://${registry.host}/${reference}`,
  );
  rmSync(archive);
  const [repository = "", tag = ""] = reference.split(":");
  return (await registry.manifest(repository, tag)).digest;
}
