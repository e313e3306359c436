import type { ImageId } from "../../base/ids.ts";
import { parseImageConfig } from "../../oci/image-config.ts";
import { canonicalString, familiarString, type ImageName, parseImageName } from "../../oci/reference.ts";
import type { StoredImage } from "../images.ts";
import { BlobRecords, type RecordedBlob } from "./blob-records.ts";

/** An image about to be recorded; its layers are committed and leased, its blobs ingested. */
export interface NewImage {
  readonly id: ImageId;
  /** The config blob, byte for byte. */
  readonly config: Uint8Array;
  /** Chain ids, bottom first. */
  readonly layers: readonly string[];
  readonly sizeBytes: number;
  readonly parent?: ImageId;
  readonly blobs: readonly RecordedBlob[];
}

interface ImageRow {
  id: string;
  config: Uint8Array;
  size_bytes: number;
  last_tagged_at: string | null;
}

/** Images kept in memory: a config is at most 4 MiB, mostly some kilobytes. */
const MAX_READ = 64;

/** The tables of images. Each method that changes something is one transaction; nothing here touches files. */
export class ImagesRepository extends BlobRecords {
  /** What was read since the last change: every creation of a container asks for one. */
  private readonly read = new Map<string, StoredImage>();

  find(id: string): StoredImage | undefined {
    const known = this.read.get(id);
    if (known !== undefined) return known;
    const row = this.database
      .query<ImageRow, [string]>("SELECT id, config, size_bytes, last_tagged_at FROM images WHERE id = ?")
      .get(id);
    if (row === null) return undefined;
    const image = this.toImage(row);
    if (this.read.size >= MAX_READ) this.read.clear();
    this.read.set(id, image);
    return image;
  }

  all(): StoredImage[] {
    return this.database
      .query<ImageRow, []>("SELECT id, config, size_bytes, last_tagged_at FROM images")
      .all()
      .map((row) => this.toImage(row));
  }

  count(): number {
    return (
      this.database.query<{ count: number }, []>("SELECT count(*) AS count FROM images").get()?.count ?? 0
    );
  }

  /** The id that a tag or digest points to. The name has one of them. */
  findByName(name: ImageName): ImageId | undefined {
    const row = this.database
      .query<{ image_id: string }, [string]>("SELECT image_id FROM image_names WHERE name = ?")
      .get(canonicalString(name));
    return row === null ? undefined : (row.image_id as ImageId);
  }

  /** At most two ids that begin so; `hexPrefix` is lower-case hex without `sha256:`. */
  findByPrefix(hexPrefix: string): ImageId[] {
    const from = `sha256:${hexPrefix}`;
    return this.database
      .query<{ id: string }, [string, string]>(
        "SELECT id FROM images WHERE id >= ? AND id < ? ORDER BY id LIMIT 2",
      )
      .all(from, `${from}g`)
      .map((row) => row.id as ImageId);
  }

  /** Tags and digests in canonical form, sorted. */
  namesOf(id: string): ImageName[] {
    return this.database
      .query<{ name: string }, [string]>("SELECT name FROM image_names WHERE image_id = ? ORDER BY name")
      .all(id)
      .map((row) => parseImageName(row.name));
  }

  /** Tags and digests of a repository (`docker.io/library/alpine`), sorted. */
  namesIn(repository: string): ImageName[] {
    // A name goes on with a colon or an at sign; the characters after those end the two ranges.
    return this.database
      .query<{ name: string }, [string, string, string, string]>(
        "SELECT name FROM image_names WHERE (name > ? AND name < ?) OR (name > ? AND name < ?) ORDER BY name",
      )
      .all(`${repository}:`, `${repository};`, `${repository}@`, `${repository}A`)
      .map((row) => parseImageName(row.name));
  }

  parentOf(id: string): ImageId | undefined {
    const row = this.database
      .query<{ parent: string | null }, [string]>("SELECT parent FROM images WHERE id = ?")
      .get(id);
    return (row?.parent ?? undefined) as ImageId | undefined;
  }

  childrenOf(id: string): ImageId[] {
    return this.database
      .query<{ id: string }, [string]>("SELECT id FROM images WHERE parent = ?")
      .all(id)
      .map((row) => row.id as ImageId);
  }

  /** Chain ids, bottom first. */
  layersOf(id: string): string[] {
    return this.database
      .query<{ snapshot: string }, [string]>(
        "SELECT snapshot FROM image_layers WHERE image_id = ? ORDER BY position",
      )
      .all(id)
      .map((row) => row.snapshot);
  }

  /** How many images use each layer. */
  layerUses(): Map<string, number> {
    const rows = this.database
      .query<{ snapshot: string; uses: number }, []>(
        "SELECT snapshot, count(DISTINCT image_id) AS uses FROM image_layers GROUP BY snapshot",
      )
      .all();
    return new Map(rows.map((row) => [row.snapshot, row.uses]));
  }

  /** Records an image, if it is not there yet, and its names; a name moves here from the image that had it. */
  put(image: NewImage, names: readonly ImageName[], at: Date): void {
    this.read.clear();
    this.database
      .transaction(() => {
        this.database
          .query(
            "INSERT INTO images (id, config, parent, size_bytes) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
          )
          .run(image.id, image.config, image.parent ?? null, image.sizeBytes);
        for (const [position, snapshot] of image.layers.entries()) {
          this.database
            .query(
              "INSERT INTO image_layers (image_id, position, snapshot) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            )
            .run(image.id, position, snapshot);
        }
        for (const blob of image.blobs) this.insertBlob(image.id, blob);
        for (const name of names) this.setName(image.id, name, at);
      })
      .immediate();
  }

  /** Points a tag or digest at an image; it moves if another had it. */
  addName(id: ImageId, name: ImageName, at: Date): void {
    this.read.clear();
    this.database.transaction(() => this.setName(id, name, at)).immediate();
  }

  /** One that is not there is no error. */
  removeName(name: ImageName): void {
    this.read.clear();
    this.database.query("DELETE FROM image_names WHERE name = ?").run(canonicalString(name));
  }

  /**
   * Removes the image with all its names, and what is known of blobs that no other image needs: returns their digests, whose
   * files are to be removed. Its layers are then for LayerStore.collect.
   */
  delete(id: ImageId): string[] {
    this.read.clear();
    return this.database
      .transaction(() => {
        const digests = this.blobsOf(id).map((blob) => blob.digest);
        this.database.query("DELETE FROM images WHERE id = ?").run(id);
        const unused = digests.filter((digest) => !this.isBlobUsed(digest));
        this.forgetBlobs(unused);
        return unused;
      })
      .immediate();
  }

  private setName(id: ImageId, name: ImageName, at: Date): void {
    const kind = name.digest === undefined ? "tag" : "digest";
    this.database
      .query(
        `INSERT INTO image_names (name, image_id, kind, tagged_at) VALUES (?, ?, ?, ?)
         ON CONFLICT (name) DO UPDATE SET image_id = excluded.image_id, tagged_at = excluded.tagged_at`,
      )
      .run(canonicalString(name), id, kind, at.toISOString());
    if (kind === "tag") {
      this.database.query("UPDATE images SET last_tagged_at = ? WHERE id = ?").run(at.toISOString(), id);
    }
  }

  private toImage(row: ImageRow): StoredImage {
    const names = this.namesOf(row.id);
    const familiar = (wanted: boolean) =>
      names
        .filter((name) => (name.digest !== undefined) === wanted)
        .map(familiarString)
        .sort();
    return {
      id: row.id as ImageId,
      config: parseImageConfig(row.config),
      sizeBytes: row.size_bytes,
      tags: familiar(false),
      digests: familiar(true),
      topSnapshot: this.layersOf(row.id).at(-1),
      lastTaggedAt: row.last_tagged_at ?? undefined,
    };
  }
}
