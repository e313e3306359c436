/**
 * What the store takes on the disk, and what needs what: one reading of the rows. Sizes are those of the disk (`du`), not sums of
 * file lengths: a layer of many small files takes a third more than they hold. Committed snapshots never change, so that each is
 * walked once and then read from its row.
 */
import { availableParallelism } from "node:os";
import { dirname } from "node:path";
import type { Database } from "../../host/sqlite.ts";
import type { Trees } from "../../kernel/trees.ts";
import type { ContentStore } from "../content/content-store.ts";
import { Slots } from "../snapshots/slots.ts";
import type { SnapshotDriver } from "../snapshots/snapshot-driver.ts";

/** File systems give files room in blocks; all of the usual ones in 4 KiB. */
const BLOCK_BYTES = 4096;
const MAX_PARALLEL_WALKS = 4;

export interface ImageParts {
  /** Chain ids. */
  readonly layers: readonly string[];
  /** Digests. */
  readonly blobs: readonly string[];
}

/** All of it is of one moment. */
export interface StoreReading {
  /** Bytes on the disk of every committed snapshot, by chain id. */
  readonly layers: ReadonlyMap<string, number>;
  /** Bytes on the disk of every blob that an image needs. */
  readonly blobs: ReadonlyMap<string, number>;
  readonly images: ReadonlyMap<string, ImageParts>;
  /** Layers below the snapshot of some container. */
  readonly layersInUse: ReadonlySet<string>;
  /** What downloads have left that no image needs yet. */
  readonly partialBytes: number;
}

interface CommittedRow {
  readonly key: string;
  readonly number: number;
  readonly sizeBytes: number;
  readonly bytes: number | null;
}

export interface StoreUsageOptions {
  /** With `upkeepMigrations`. */
  readonly database: Database;
  readonly content: Pick<ContentStore, "partials">;
  readonly snapshots: Pick<SnapshotDriver, "directory">;
  readonly trees: Pick<Trees, "space">;
}

export class StoreUsage {
  private readonly slots = new Slots(Math.min(MAX_PARALLEL_WALKS, availableParallelism()));

  constructor(private readonly options: StoreUsageOptions) {}

  /** Walks what was not measured yet, then reads. Throws canceled on `signal`. */
  async read(signal?: AbortSignal): Promise<StoreReading> {
    await this.measure(signal);
    const partials = await this.options.content.partials();
    signal?.throwIfAborted();
    const rest = this.readRows();
    const unknown = partials.filter(({ digest }) => !rest.blobs.has(digest));
    return { ...rest, partialBytes: unknown.reduce((sum, { sizeBytes }) => sum + onDisk(sizeBytes), 0) };
  }

  private async measure(signal: AbortSignal | undefined): Promise<void> {
    const unmeasured = this.committed().filter((row) => row.bytes === null);
    const outcomes = await Promise.allSettled(
      unmeasured.map((row) => this.slots.use(() => this.measureOne(row, signal))),
    );
    this.forgetRemoved();
    const failure = outcomes.find((outcome) => outcome.status === "rejected");
    if (failure !== undefined) throw failure.reason;
  }

  private async measureOne({ key, number, sizeBytes }: CommittedRow, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    let directory: string;
    try {
      directory = dirname(this.options.snapshots.directory(key));
    } catch {
      // It was removed since.
      return;
    }
    // A tree that lies too deep for the walk counts what its files hold.
    const bytes = await this.options.trees.space(directory, signal).catch((error: unknown) => {
      signal?.throwIfAborted();
      if (error instanceof Error && "kind" in error && error.kind === "invalid") return sizeBytes;
      throw error;
    });
    this.options.database
      .query("INSERT INTO snapshot_space (number, bytes) VALUES (?, ?) ON CONFLICT DO NOTHING")
      .run(number, bytes);
  }

  private forgetRemoved(): void {
    this.options.database
      .query("DELETE FROM snapshot_space WHERE number NOT IN (SELECT number FROM snapshots)")
      .run();
  }

  private committed(): CommittedRow[] {
    return this.options.database
      .query<CommittedRow, []>(
        `SELECT s.key, s.number, s.size_bytes AS sizeBytes, m.bytes FROM snapshots s
         LEFT JOIN snapshot_space m ON m.number = s.number WHERE s.kind = 'committed' ORDER BY s.number`,
      )
      .all();
  }

  /** In one transaction, without a turn of the event loop in between. */
  private readRows(): Omit<StoreReading, "partialBytes"> {
    const { database } = this.options;
    return database
      .transaction(() => {
        const layers = new Map(this.committed().map((row) => [row.key, row.bytes ?? onDisk(row.sizeBytes)]));
        const blobs = new Map<string, number>();
        const images = new Map<string, { layers: string[]; blobs: string[] }>();
        for (const { id } of database.query<{ id: string }, []>("SELECT id FROM images").all()) {
          images.set(id, { layers: [], blobs: [] });
        }
        for (const row of database
          .query<{ image: string; layer: string }, []>(
            "SELECT DISTINCT image_id AS image, snapshot AS layer FROM image_layers",
          )
          .iterate()) {
          images.get(row.image)?.layers.push(row.layer);
        }
        for (const row of database
          .query<{ image: string; digest: string; size: number }, []>(
            "SELECT image_id AS image, digest, size_bytes AS size FROM image_blobs",
          )
          .iterate()) {
          blobs.set(row.digest, onDisk(row.size));
          images.get(row.image)?.blobs.push(row.digest);
        }
        return { layers, blobs, images, layersInUse: this.layersInUse() };
      })
      .deferred();
  }

  private layersInUse(): Set<string> {
    const rows = this.options.database
      .query<{ key: string }, []>(
        `WITH RECURSIVE below (key) AS (
           SELECT parent FROM snapshots WHERE kind = 'active' AND parent IS NOT NULL
           UNION
           SELECT s.parent FROM snapshots s JOIN below b ON s.key = b.key WHERE s.parent IS NOT NULL
         ) SELECT key FROM below`,
      )
      .all();
    return new Set(rows.map((row) => row.key));
  }
}

function onDisk(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

/** Bytes of the disk that all of it takes. */
export function totalBytes(reading: StoreReading): number {
  const sum = (sizes: Iterable<number>) => [...sizes].reduce((total, size) => total + size, 0);
  return sum(reading.layers.values()) + sum(reading.blobs.values()) + reading.partialBytes;
}

/** What each image takes, and how much of it other images need as well. */
export function imageSizes(reading: StoreReading): Map<string, { bytes: number; sharedBytes: number }> {
  const uses = countUses(reading);
  const sizes = new Map<string, { bytes: number; sharedBytes: number }>();
  for (const [id, parts] of reading.images) {
    let [bytes, sharedBytes] = [0, 0];
    for (const [part, size] of partsOf(reading, parts)) {
      bytes += size;
      if ((uses.get(part) ?? 0) > 1) sharedBytes += size;
    }
    sizes.set(id, { bytes, sharedBytes });
  }
  return sizes;
}

/** What becomes free with each of the images, when they go in this order. */
export function freedBytes(reading: StoreReading, ids: readonly string[]): Map<string, number> {
  const uses = countUses(reading);
  const freed = new Map<string, number>();
  for (const id of ids) {
    let bytes = 0;
    for (const [part, size] of partsOf(reading, reading.images.get(id))) {
      const left = (uses.get(part) ?? 0) - 1;
      uses.set(part, left);
      if (left === 0 && !reading.layersInUse.has(part)) bytes += size;
    }
    freed.set(id, bytes);
  }
  return freed;
}

/** What the first reading had and the second has not. */
export function reclaimedBytes(before: StoreReading, after: StoreReading): number {
  let bytes = 0;
  for (const [key, size] of before.layers) if (!after.layers.has(key)) bytes += size;
  for (const [digest, size] of before.blobs) if (!after.blobs.has(digest)) bytes += size;
  return bytes;
}

/** Layers and blobs have keys of the same form: a layer's chain id may be a blob's digest. */
function* partsOf(reading: StoreReading, parts: ImageParts | undefined): Generator<[string, number]> {
  for (const layer of parts?.layers ?? []) yield [layer, reading.layers.get(layer) ?? 0];
  for (const digest of parts?.blobs ?? []) yield [`blob ${digest}`, reading.blobs.get(digest) ?? 0];
}

function countUses(reading: StoreReading): Map<string, number> {
  const uses = new Map<string, number>();
  for (const parts of reading.images.values()) {
    for (const [part] of partsOf(reading, parts)) uses.set(part, (uses.get(part) ?? 0) + 1);
  }
  return uses;
}
