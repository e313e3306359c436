/** The manifests and indexes of an archive that is an OCI layout, read with the suspicion that archives deserve. */
import { EngineError } from "../../base/errors.ts";
import {
  type Descriptor,
  type ImageIndex,
  type ImageManifest,
  isIndexType,
  isManifestType,
  MAX_MANIFEST_BYTES,
  parseManifest,
} from "../../oci/manifest.ts";
import type { ArchiveSpool } from "../../store/content/archive-spool.ts";
import type { ImageBlob } from "../../store/image-store.ts";

/** Of one image: more are not kept. */
const MAX_DOCUMENTS = 256;
/** Statements about an image are some kilobytes to megabytes of JSON. */
const MAX_STATEMENT_BYTES = 16 << 20;
const REFERENCE_TYPE = "vnd.docker.reference.type";

/** Throws dataLoss for other bytes than the descriptor says, exhausted above `maxBytes`, invalid when it is not there. */
export async function readArchivedBlob(
  spool: ArchiveSpool,
  descriptor: Descriptor,
  maxBytes: number,
): Promise<Uint8Array> {
  const bytes = await spool.get(archivedBlobPath(descriptor.digest)).read(maxBytes);
  if (bytes.length !== descriptor.size || !(await hasDigest(bytes, descriptor.digest))) {
    throw new EngineError(
      "dataLoss",
      `the archive's blob ${descriptor.digest} has other content than its digest says`,
    );
  }
  return bytes;
}

export function archivedBlobPath(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}

/** What is kept of an image beside config and layers: each document once, under sha256. */
export class KeptDocuments {
  private readonly blobs = new Map<string, ImageBlob>();

  constructor(private readonly spool: ArchiveSpool) {}

  get all(): ImageBlob[] {
    return [...this.blobs.values()];
  }

  /** The store knows sha256 only; a document under another algorithm can be made again. */
  add(descriptor: Pick<Descriptor, "digest" | "mediaType">, bytes: Uint8Array): void {
    const { digest, mediaType } = descriptor;
    if (digest.startsWith("sha256:") && this.blobs.size < MAX_DOCUMENTS)
      this.blobs.set(digest, { bytes, digest, mediaType });
  }

  /**
   * The other manifests of an index, as far as the archive has them: those of other platforms, so that the index stays true, and
   * attestations with their statements.
   */
  async addSiblings(index: ImageIndex): Promise<void> {
    for (const descriptor of index.manifests) {
      if (this.blobs.has(descriptor.digest) || !isDocumentType(descriptor.mediaType)) continue;
      if (this.spool.find(archivedBlobPath(descriptor.digest)) === undefined) continue;
      const bytes = await readArchivedBlob(this.spool, descriptor, MAX_MANIFEST_BYTES);
      this.add(descriptor, bytes);
      const isStatement = descriptor.annotations[REFERENCE_TYPE] !== undefined;
      const content = isStatement ? parseManifest(bytes) : undefined;
      if (content?.kind === "manifest") await this.addStatements(content);
    }
  }

  private async addStatements(manifest: ImageManifest): Promise<void> {
    for (const descriptor of [manifest.config, ...manifest.layers]) {
      const file = this.spool.find(archivedBlobPath(descriptor.digest));
      if (file === undefined || file.sizeBytes > MAX_STATEMENT_BYTES) continue;
      this.add(descriptor, await readArchivedBlob(this.spool, descriptor, MAX_STATEMENT_BYTES));
    }
  }
}

export function isDocumentType(mediaType: string): boolean {
  return isIndexType(mediaType) || isManifestType(mediaType);
}

async function hasDigest(bytes: Uint8Array, digest: string): Promise<boolean> {
  const algorithm = digest.startsWith("sha512:") ? "SHA-512" : "SHA-256";
  const actual = new Uint8Array(await crypto.subtle.digest(algorithm, new Uint8Array(bytes)));
  return digest.slice(digest.indexOf(":") + 1) === actual.toHex();
}
