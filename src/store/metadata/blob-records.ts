import type { Database } from "../../host/sqlite.ts";

/** A blob that holds a layer's content, compressed or not. */
export interface LayerBlob {
  readonly digest: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
}

/** A blob of the content store that an image needs. */
export interface RecordedBlob extends LayerBlob {
  /** For a layer: the digest of its uncompressed tar. */
  readonly diffId?: string;
}

/** What is known of the blobs in the content store. Each method that changes something is one transaction. */
export class BlobRecords {
  constructor(protected readonly database: Database) {}

  /** All blobs that an image needs: config, manifests, indexes, layers. Sorted by digest. */
  blobsOf(imageId: string): { digest: string; mediaType: string; sizeBytes: number }[] {
    return this.database
      .query<LayerBlob, [string]>(
        `SELECT digest, media_type AS mediaType, size_bytes AS sizeBytes FROM image_blobs
         WHERE image_id = ? ORDER BY digest`,
      )
      .all(imageId);
  }

  /** Each blob that some image needs, once. */
  allBlobs(): LayerBlob[] {
    return this.database
      .query<LayerBlob, []>(
        `SELECT digest, min(media_type) AS mediaType, max(size_bytes) AS sizeBytes FROM image_blobs
         GROUP BY digest ORDER BY digest`,
      )
      .all();
  }

  isBlobUsed(digest: string): boolean {
    return (
      this.database
        .query<object, [string]>("SELECT 1 FROM image_blobs WHERE digest = ? LIMIT 1")
        .get(digest) !== null
    );
  }

  /** The blobs that hold a layer, smallest first: what a push prefers. Empty for a layer whose blob was never kept. */
  layerBlobs(diffId: string): LayerBlob[] {
    return this.database
      .query<LayerBlob, [string]>(
        `SELECT digest, media_type AS mediaType, size_bytes AS sizeBytes FROM layer_blobs
         WHERE diff_id = ? ORDER BY size_bytes, digest`,
      )
      .all(diffId);
  }

  /** The layer that a blob holds; undefined for one that is no layer. */
  diffIdOf(digest: string): string | undefined {
    const row = this.database
      .query<{ diff_id: string }, [string]>("SELECT diff_id FROM layer_blobs WHERE digest = ? LIMIT 1")
      .get(digest);
    return row?.diff_id;
  }

  /**
   * Records one more blob of a layer for an image that has it: the compressed form that a push made. The blob is in the
   * content store, held by the caller.
   */
  addLayerBlob(imageId: string, diffId: string, blob: LayerBlob): void {
    this.database.transaction(() => this.insertBlob(imageId, { ...blob, diffId })).immediate();
  }

  /** Repositories of registries that are known to have a blob, as `docker.io/library/alpine`, sorted. */
  sourcesOf(digest: string): string[] {
    return this.database
      .query<{ repository: string }, [string]>(
        "SELECT repository FROM blob_sources WHERE digest = ? ORDER BY repository",
      )
      .all(digest)
      .map((row) => row.repository);
  }

  /** Known ones are no error. A source outlives its blob only until the last image that needed the blob goes. */
  addBlobSource(digest: string, repository: string): void {
    this.database
      .query("INSERT INTO blob_sources (digest, repository) VALUES (?, ?) ON CONFLICT DO NOTHING")
      .run(digest, repository);
  }

  /** All blobs of a pull or push at once. */
  addBlobSources(digests: readonly string[], repository: string): void {
    this.database
      .transaction(() => {
        for (const digest of digests) this.addBlobSource(digest, repository);
      })
      .immediate();
  }

  /** A registry that said that it has no such blob there. */
  removeBlobSource(digest: string, repository: string): void {
    this.database
      .query("DELETE FROM blob_sources WHERE digest = ? AND repository = ?")
      .run(digest, repository);
  }

  /** Blobs recorded before sizes were. */
  blobsWithoutSize(): string[] {
    return this.database
      .query<{ digest: string }, []>("SELECT DISTINCT digest FROM image_blobs WHERE size_bytes = 0")
      .all()
      .map((row) => row.digest);
  }

  setBlobSize(digest: string, sizeBytes: number): void {
    this.database.query("UPDATE image_blobs SET size_bytes = ? WHERE digest = ?").run(sizeBytes, digest);
  }

  /** Every blob that is recorded as a layer's. */
  allLayerBlobs(): string[] {
    return this.database
      .query<{ digest: string }, []>("SELECT DISTINCT digest FROM layer_blobs")
      .all()
      .map((row) => row.digest);
  }

  /** For the store's opening: a row of layer_blobs exists only while its file does, one of a source while an image needs the blob. */
  dropStaleBlobs(missing: readonly string[]): void {
    this.database
      .transaction(() => {
        for (const digest of missing)
          this.database.query("DELETE FROM layer_blobs WHERE digest = ?").run(digest);
        this.database.exec(
          `DELETE FROM blob_sources WHERE digest NOT IN (SELECT digest FROM image_blobs);
           DELETE FROM layer_blobs WHERE digest NOT IN (SELECT digest FROM image_blobs);`,
        );
      })
      .immediate();
  }

  protected insertBlob(imageId: string, blob: RecordedBlob): void {
    const { digest, mediaType, sizeBytes, diffId } = blob;
    this.database
      .query(
        `INSERT INTO image_blobs (image_id, digest, media_type, size_bytes) VALUES (?, ?, ?, ?)
         ON CONFLICT DO NOTHING`,
      )
      .run(imageId, digest, mediaType, sizeBytes);
    if (diffId === undefined) return;
    this.database
      .query(
        "INSERT INTO layer_blobs (diff_id, digest, media_type, size_bytes) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
      )
      .run(diffId, digest, mediaType, sizeBytes);
  }

  /** Inside a transaction: what is known of blobs that go. */
  protected forgetBlobs(digests: readonly string[]): void {
    for (const digest of digests) {
      this.database.query("DELETE FROM layer_blobs WHERE digest = ?").run(digest);
      this.database.query("DELETE FROM blob_sources WHERE digest = ?").run(digest);
    }
  }
}
