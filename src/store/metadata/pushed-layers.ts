import type { Database, Migrations } from "../../host/sqlite.ts";

/**
 * Layers that are here uncompressed are compressed on their way to a registry, and the compressed bytes are not kept. What
 * remains is their digest: the next push asks the registry for it, and mounts it from one repository in another.
 * `encoder` names the compressor: with another one the same layer has another digest.
 */
export const pushedLayerMigrations: Migrations = {
  noun: "pushed_layers",
  steps: [
    `CREATE TABLE pushed_layers (
       diff_id TEXT NOT NULL,
       encoder TEXT NOT NULL,
       repository TEXT NOT NULL,
       digest TEXT NOT NULL,
       size_bytes INTEGER NOT NULL,
       PRIMARY KEY (diff_id, encoder, repository)
     ) STRICT, WITHOUT ROWID;`,
  ],
};

export interface PushedLayer {
  readonly digest: string;
  readonly sizeBytes: number;
  /** `registry.example:5000/team/app`, sorted. */
  readonly repositories: readonly string[];
}

/** The table of compressed forms that registries have. */
export class PushedLayers {
  constructor(private readonly database: Database) {}

  /** Undefined when the layer was never pushed with this encoder. */
  find(diffId: string, encoder: string): PushedLayer | undefined {
    const rows = this.database
      .query<{ digest: string; sizeBytes: number; repository: string }, [string, string]>(
        `SELECT digest, size_bytes AS sizeBytes, repository FROM pushed_layers
         WHERE diff_id = ? AND encoder = ? ORDER BY repository`,
      )
      .all(diffId, encoder);
    const [first] = rows;
    if (first === undefined) return undefined;
    const { digest, sizeBytes } = first;
    const same = rows.filter((row) => row.digest === digest);
    return { digest, sizeBytes, repositories: same.map((row) => row.repository) };
  }

  /** Records what a push has brought to a repository, and forgets layers that are no longer here. One transaction. */
  record(
    repository: string,
    encoder: string,
    layers: readonly { readonly diffId: string; readonly digest: string; readonly sizeBytes: number }[],
  ): void {
    if (layers.length === 0) return;
    this.database
      .transaction(() => {
        this.database.exec(
          "DELETE FROM pushed_layers WHERE diff_id NOT IN (SELECT diff_id FROM layer_blobs)",
        );
        for (const { diffId, digest, sizeBytes } of layers) {
          this.database
            .query(
              `INSERT INTO pushed_layers (diff_id, encoder, repository, digest, size_bytes) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET digest = excluded.digest, size_bytes = excluded.size_bytes`,
            )
            .run(diffId, encoder, repository, digest, sizeBytes);
        }
      })
      .immediate();
  }
}
