/** A registry in memory, behind the port of the real client: with what was asked of it, and ways to make it fail. */
import { gzipSync } from "node:zlib";
import { EngineError } from "../../../base/errors.ts";
import { sha256 } from "../../../host/hashing.ts";
import { MediaType } from "../../../oci/manifest.ts";
import type { ImageName } from "../../../oci/reference.ts";
import type {
  BlobToPush,
  FoundManifest,
  PushedBlob,
  RegistryCall,
  RegistryClient,
  RemoteBlob,
  RemoteManifest,
  SearchResult,
} from "../../../registry/client/registry-client.ts";
import { configOf, type TestImage } from "../../../store/testing/image-archives.ts";

const encoder = new TextEncoder();

class Repository {
  readonly manifests = new Map<string, RemoteManifest>();
  readonly tags = new Map<string, string>();
  readonly blobs = new Map<string, Uint8Array>();
}

export interface TestDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export class MemoryRegistry implements RegistryClient {
  /** `manifest a:1`, `blob sha256:…@0`, `mount …`, in order. */
  readonly requests: string[] = [];
  /** Awaited before a blob is sent. */
  gate: Promise<void> = Promise.resolve();
  /** Thrown by every call. */
  failure: EngineError | undefined;
  results: SearchResult[] = [];
  readonly #repositories = new Map<string, Repository>();

  repository(path: string): Repository {
    const found = this.#repositories.get(path) ?? new Repository();
    this.#repositories.set(path, found);
    return found;
  }

  addBlob(path: string, bytes: Uint8Array): string {
    const digest = `sha256:${sha256(bytes)}`;
    this.repository(path).blobs.set(digest, bytes);
    return digest;
  }

  addManifest(path: string, document: object, mediaType: string, tag?: string): TestDescriptor {
    const bytes = encoder.encode(JSON.stringify({ schemaVersion: 2, mediaType, ...document }));
    const digest = `sha256:${sha256(bytes)}`;
    this.repository(path).manifests.set(digest, { bytes, mediaType, digest });
    if (tag !== undefined) this.repository(path).tags.set(tag, digest);
    return { mediaType, digest, size: bytes.length };
  }

  /** An image with gzipped layers. */
  addImage(path: string, image: TestImage, tag?: string, change: object = {}): TestDescriptor {
    const layers = image.layers.map((tar) => {
      const bytes = new Uint8Array(gzipSync(tar));
      return { mediaType: MediaType.ociLayerGzip, digest: this.addBlob(path, bytes), size: bytes.length };
    });
    const config = configOf(image);
    const digest = this.addBlob(path, config);
    const manifest = { config: { mediaType: MediaType.ociConfig, digest, size: config.length }, layers };
    return this.addManifest(path, { ...manifest, ...change }, MediaType.ociManifest, tag);
  }

  #called(request: string, call: RegistryCall): void {
    this.requests.push(request);
    call.signal.throwIfAborted();
    if (this.failure !== undefined) throw this.failure;
  }

  async manifest(name: ImageName, reference: string, call: RegistryCall): Promise<RemoteManifest> {
    this.#called(`manifest ${name.path}:${reference}`, call);
    const { manifests, tags } = this.repository(name.path);
    const found = manifests.get(tags.get(reference) ?? reference);
    if (found === undefined)
      throw new EngineError("notFound", `manifest for ${name.domain}/${name.path}:${reference} not found`);
    return found;
  }

  async findManifest(name: ImageName, tag: string, call: RegistryCall): Promise<FoundManifest | undefined> {
    this.#called(`find manifest ${name.path}:${tag}`, call);
    const { manifests, tags } = this.repository(name.path);
    return manifests.get(tags.get(tag) ?? "");
  }

  async openBlob(
    name: ImageName,
    digest: string,
    offsetBytes: number,
    call: RegistryCall,
  ): Promise<RemoteBlob> {
    this.#called(`blob ${digest}@${offsetBytes}`, call);
    const bytes = this.repository(name.path).blobs.get(digest);
    if (bytes === undefined) throw new EngineError("notFound", "blob unknown to registry");
    const body = bodyAfter(this.gate, bytes.subarray(offsetBytes), call.signal);
    return { offsetBytes, totalBytes: bytes.length, body };
  }

  async findBlob(name: ImageName, digest: string, call: RegistryCall): Promise<number | undefined> {
    this.#called(`find ${digest}`, call);
    return this.repository(name.path).blobs.get(digest)?.length;
  }

  async pushBlob(name: ImageName, blob: BlobToPush, call: RegistryCall): Promise<PushedBlob> {
    this.#called(`push ${blob.known?.digest ?? "unknown"}`, call);
    const { blobs } = this.repository(name.path);
    if (blob.known !== undefined && blobs.has(blob.known.digest)) return { ...blob.known, how: "exists" };
    for (const path of blob.known === undefined ? [] : blob.mountFrom) {
      const there = this.repository(path).blobs.get(blob.known?.digest ?? "");
      if (there === undefined || blob.known === undefined) continue;
      blobs.set(blob.known.digest, there);
      return { ...blob.known, how: { mountedFrom: path } };
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of blob.open(0)) {
      call.signal.throwIfAborted();
      chunks.push(chunk);
      blob.onProgress(chunks.reduce((sum, each) => sum + each.length, 0));
    }
    const bytes = new Uint8Array(Buffer.concat(chunks));
    const digest = this.addBlob(name.path, bytes);
    if (blob.known !== undefined && blob.known.digest !== digest)
      throw new EngineError("dataLoss", "digest invalid");
    return { digest, sizeBytes: bytes.length, how: "uploaded" };
  }

  async pushManifest(
    name: ImageName,
    reference: string,
    manifest: RemoteManifest,
    call: RegistryCall,
  ): Promise<void> {
    this.#called(`pushManifest ${reference}`, call);
    const { manifests, tags } = this.repository(name.path);
    manifests.set(manifest.digest, manifest);
    if (reference !== manifest.digest) tags.set(reference, manifest.digest);
  }

  async tags(name: ImageName, call: RegistryCall): Promise<string[]> {
    this.#called(`tags ${name.path}`, call);
    const { tags } = this.repository(name.path);
    if (tags.size === 0) throw new EngineError("notFound", "repository name not known to registry");
    return [...tags.keys()];
  }

  async search(_domain: string, term: string, limit: number, call: RegistryCall): Promise<SearchResult[]> {
    this.#called(`search ${term} ${limit}`, call);
    return this.results;
  }

  async login(serverAddress: string, call: RegistryCall): Promise<{ identityToken: string | undefined }> {
    this.#called(`login ${serverAddress}`, call);
    return { identityToken: undefined };
  }
}

async function* bodyAfter(gate: Promise<void>, bytes: Uint8Array, signal: AbortSignal) {
  await Promise.race([gate, aborted(signal)]);
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) =>
    signal.addEventListener("abort", () => reject(new EngineError("canceled", "canceled")), { once: true }),
  );
}
