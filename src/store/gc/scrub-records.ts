import type { ImageId } from "../../base/ids.ts";
import type { Database } from "../../host/sqlite.ts";

/** What a scrub asks the tables: which images need a thing, and what a layer was made of. */
export class ScrubRecords {
  constructor(private readonly database: Database) {}

  imagesWithBlob(digest: string): ImageId[] {
    return this.ids("SELECT image_id AS id FROM image_blobs WHERE digest = ? ORDER BY image_id", digest);
  }

  imagesWithLayer(chainId: string): ImageId[] {
    return this.ids(
      "SELECT DISTINCT image_id AS id FROM image_layers WHERE snapshot = ? ORDER BY image_id",
      chainId,
    );
  }

  /** An image's config, byte for byte; undefined for a digest that is no image's id. */
  configBytes(digest: string): Uint8Array | undefined {
    const row = this.database
      .query<{ config: Uint8Array }, [string]>("SELECT config FROM images WHERE id = ?")
      .get(digest);
    return row?.config;
  }

  private ids(query: string, key: string): ImageId[] {
    return this.database
      .query<{ id: string }, [string]>(query)
      .all(key)
      .map((row) => row.id as ImageId);
  }
}
