/** The port of a remote registry (OCI distribution-spec 1.1), as pulls and pushes use it. */
import type { ImageName } from "../../oci/reference.ts";

/** What a client's `X-Registry-Auth` holds. One of: user and password, an identity token, a registry token. */
export interface RegistryCredentials {
  readonly username?: string;
  readonly password?: string;
  /** An OAuth2 refresh token, as `docker login` stores it. */
  readonly identityToken?: string;
  /** A bearer token that is sent as it is. */
  readonly registryToken?: string;
}

export interface RegistryCall {
  readonly credentials?: RegistryCredentials | undefined;
  readonly signal: AbortSignal;
}

export interface RemoteManifest {
  /** As the registry sent them; `digest` was computed from them. */
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  readonly digest: string;
}

/** What a tag stands for, without its bytes. */
export type FoundManifest = Pick<RemoteManifest, "mediaType" | "digest">;

/** A download under way. Ending the iteration early closes the connection. */
export interface RemoteBlob {
  /** Where `body` begins: what was asked for, or 0 when the registry does not know ranges. */
  readonly offsetBytes: number;
  /** Of the whole blob, where the registry says so. */
  readonly totalBytes: number | undefined;
  /** Throws unavailable when it breaks off or stalls; a caller may open it again at a later offset. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface BlobToPush {
  readonly mediaType: string;
  /** Known beforehand, or computed from what was sent: a layer that is compressed on its way. */
  readonly known?: { readonly digest: string; readonly sizeBytes: number };
  /** The bytes from an offset on; may be called again after a failure. */
  open(offsetBytes: number): AsyncIterable<Uint8Array>;
  /** Other repositories of the same registry (`library/alpine`) that are believed to have it. */
  readonly mountFrom: readonly string[];
  /** Bytes sent so far. */
  onProgress(sentBytes: number): void;
}

export interface PushedBlob {
  readonly digest: string;
  readonly sizeBytes: number;
  readonly how: "uploaded" | "exists" | { readonly mountedFrom: string };
}

export interface SearchResult {
  readonly name: string;
  readonly description: string;
  readonly starCount: number;
  readonly isOfficial: boolean;
  readonly isAutomated: boolean;
}

/**
 * All of them throw EngineError: unauthenticated or denied (401, 403), notFound (404), exhausted (429 after all retries),
 * unavailable (no connection, 5xx after all retries, stalled), canceled (`signal`), invalid (what the registry sent cannot be
 * used), dataLoss (other bytes than the digest says). Reads ask the registry's mirrors first, in order.
 */
export interface RegistryClient {
  /** `reference`: a tag or a digest. At most MAX_MANIFEST_BYTES. */
  manifest(name: ImageName, reference: string, call: RegistryCall): Promise<RemoteManifest>;
  /** By HEAD, which Docker Hub does not count as a pull. Undefined when the registry does not say: then `manifest` does. */
  findManifest(name: ImageName, tag: string, call: RegistryCall): Promise<FoundManifest | undefined>;
  openBlob(name: ImageName, digest: string, offsetBytes: number, call: RegistryCall): Promise<RemoteBlob>;
  /** Its size, from the registry itself; undefined when it is not there. */
  findBlob(name: ImageName, digest: string, call: RegistryCall): Promise<number | undefined>;
  pushBlob(name: ImageName, blob: BlobToPush, call: RegistryCall): Promise<PushedBlob>;
  /** `reference`: a tag, or the manifest's own digest. */
  pushManifest(
    name: ImageName,
    reference: string,
    manifest: RemoteManifest,
    call: RegistryCall,
  ): Promise<void>;
  /** All pages, at most 100,000. */
  tags(name: ImageName, call: RegistryCall): Promise<string[]>;
  /** Docker Hub's search for `docker.io`, elsewhere `/v1/search` or the catalog's names that contain the term. */
  search(domain: string, term: string, limit: number, call: RegistryCall): Promise<SearchResult[]>;
  /** Proves the credentials to `serverAddress`; an identity token when the registry gave one. */
  login(serverAddress: string, call: RegistryCall): Promise<{ readonly identityToken: string | undefined }>;
}
