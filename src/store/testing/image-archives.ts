/** Image archives made in memory, for tests. */
import { sha256 } from "../../host/hashing.ts";
import { MediaType } from "../../oci/manifest.ts";
import { type TarFile, writeTar } from "../../oci/tar-writer.ts";

const encoder = new TextEncoder();
const json = (value: unknown) => encoder.encode(JSON.stringify(value));

/** A layer with these files. */
export function layerTar(files: Readonly<Record<string, string>>): Uint8Array {
  return writeTar(Object.entries(files).map(([name, text]) => file(name, encoder.encode(text))));
}

export function file(name: string, data: Uint8Array): TarFile {
  return { name, data, mode: 0o644 };
}

export interface TestImage {
  readonly layers: readonly Uint8Array[];
  /** What the config says the layers are; by default the truth. */
  readonly diffIds?: readonly string[];
  readonly config?: object;
  readonly more?: object;
}

export function configOf(image: TestImage): Uint8Array {
  const diffIds = image.diffIds ?? image.layers.map((layer) => `sha256:${sha256(layer)}`);
  return json({
    architecture: "amd64",
    os: "linux",
    created: "2024-01-01T00:00:00Z",
    config: image.config ?? {},
    rootfs: { type: "layers", diff_ids: diffIds },
    history: diffIds.map((_, index) => ({ created: "2024-01-01T00:00:00Z", created_by: `step ${index}` })),
    ...image.more,
  });
}

export const idOf = (image: TestImage) => `sha256:${sha256(configOf(image))}`;

/** As `docker save` before version 25, with `<layer>/layer.tar`. `pack` compresses a layer. */
export function dockerArchive(
  images: readonly (TestImage & { readonly tags: readonly string[] | null })[],
  pack: (layer: Uint8Array) => Uint8Array = (layer) => layer,
): Uint8Array {
  const files = new Map<string, Uint8Array>();
  const manifest = images.map((image) => {
    const config = configOf(image);
    files.set(`${sha256(config)}.json`, config);
    const layers = image.layers.map((layer) => {
      const name = `${sha256(layer).slice(0, 20)}/layer.tar`;
      files.set(name, pack(layer));
      return name;
    });
    return { Config: `${sha256(config)}.json`, RepoTags: image.tags, Layers: layers };
  });
  files.set("manifest.json", json(manifest));
  return writeTar([...files].map(([name, data]) => file(name, data)));
}

export interface LayoutEntry {
  readonly image: TestImage;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: object;
}

/** An OCI layout; with `nested`, its entries are behind one more index, as a multi-platform build writes it. */
export function ociLayout(
  entries: readonly LayoutEntry[],
  nested?: Readonly<Record<string, string>>,
): Uint8Array {
  const files: TarFile[] = [file("oci-layout", json({ imageLayoutVersion: "1.0.0" }))];
  const blob = (data: Uint8Array, mediaType: string, more: object = {}) => {
    files.push(file(`blobs/sha256/${sha256(data)}`, data));
    return { mediaType, digest: `sha256:${sha256(data)}`, size: data.length, ...more };
  };
  const manifests = entries.map(({ image, annotations, platform }) => {
    const config = blob(configOf(image), MediaType.ociConfig);
    const layers = image.layers.map((layer) => blob(layer, MediaType.ociLayer));
    const manifest = json({ schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers });
    return blob(manifest, MediaType.ociManifest, { annotations, platform });
  });
  const index =
    nested === undefined
      ? manifests
      : [blob(json({ schemaVersion: 2, manifests }), MediaType.ociIndex, { annotations: nested })];
  files.push(file("index.json", json({ schemaVersion: 2, manifests: index })));
  return writeTar(files);
}

/** A body in chunks of a size that fits nothing. */
export async function* bodyOf(bytes: Uint8Array, size = 10_007): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
