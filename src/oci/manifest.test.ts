import { describe, expect, test } from "bun:test";
import { MediaType, parseArchiveManifest, parseManifest } from "./manifest.ts";

const DIGEST = `sha256:${"ab".repeat(32)}`;
const bytes = (value: unknown) =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
const descriptor = (more: object = {}) => ({
  mediaType: MediaType.ociLayerGzip,
  digest: DIGEST,
  size: 3,
  ...more,
});
const config = descriptor({ mediaType: MediaType.ociConfig });
const manifest = (more: object = {}) => ({ schemaVersion: 2, config, layers: [descriptor()], ...more });

describe("parseManifest", () => {
  test("reads a manifest of OCI and of Docker", () => {
    expect(parseManifest(bytes(manifest()))).toMatchObject({
      kind: "manifest",
      layers: [{ digest: DIGEST, size: 3 }],
    });
    expect(parseManifest(bytes(manifest({ mediaType: MediaType.dockerManifest }))).kind).toBe("manifest");
  });

  test("reads an index and its platforms", () => {
    const entry = descriptor({
      mediaType: MediaType.ociManifest,
      platform: { os: "linux", architecture: "arm64", variant: "v8" },
      annotations: { "org.opencontainers.image.ref.name": "a:b" },
    });
    expect(parseManifest(bytes({ schemaVersion: 2, manifests: [entry] }))).toEqual({
      kind: "index",
      manifests: [
        {
          mediaType: MediaType.ociManifest,
          digest: DIGEST,
          size: 3,
          platform: { os: "linux", architecture: "arm64" },
          annotations: { "org.opencontainers.image.ref.name": "a:b" },
        },
      ],
      annotations: {},
    });
  });

  test.each<[string, unknown]>([
    ["no JSON", "{"],
    ["no UTF-8", "\ud800"],
    ["a list", []],
    ["null", null],
    ["schema 1", { ...manifest(), schemaVersion: 1 }],
    ["neither", { schemaVersion: 2 }],
    ["both kinds at once", { ...manifest(), manifests: [] }],
    ["a manifest that calls itself an index", manifest({ mediaType: MediaType.ociIndex })],
    ["a digest that is a path", manifest({ layers: [descriptor({ digest: "sha256:../../etc/passwd" })] })],
    ["a negative size", manifest({ layers: [descriptor({ size: -1 })] })],
    ["a size that is no number", manifest({ layers: [descriptor({ size: "3" })] })],
    ["a broken size", manifest({ layers: [descriptor({ size: 1.5 })] })],
    ["layers that are no list", manifest({ layers: {} })],
    ["too many layers", manifest({ layers: Array.from({ length: 5000 }, () => descriptor()) })],
    ["annotations that are no strings", manifest({ annotations: { a: 1 } })],
    ["deep nesting", `${"[".repeat(200_000)}`],
  ])("refuses %s", (_, document) => {
    expect(() => parseManifest(bytes(document))).toThrow("invalid image manifest");
  });

  test("refuses what is too long before reading it", () => {
    expect(() => parseManifest(new Uint8Array((4 << 20) + 1))).toThrow("bytes are more than");
  });
});

describe("parseArchiveManifest", () => {
  test("reads what docker save writes; RepoTags may be null", () => {
    const document = [{ Config: "c.json", RepoTags: null, Layers: ["l/layer.tar"] }];
    expect(parseArchiveManifest(bytes(document))).toEqual([
      { config: "c.json", repoTags: [], layers: ["l/layer.tar"] },
    ]);
  });

  test.each<[string, unknown]>([
    ["an object", {}],
    ["no config", [{ Layers: [] }]],
    ["layers of numbers", [{ Config: "c", Layers: [1] }]],
    ["a NUL in a name", [{ Config: "c\0", Layers: [] }]],
  ])("refuses %s", (_, document) => {
    expect(() => parseArchiveManifest(bytes(document))).toThrow("invalid manifest.json");
  });
});
