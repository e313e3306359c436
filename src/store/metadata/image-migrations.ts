import type { Migrations } from "../../host/sqlite.ts";

/**
 * `config` is the blob itself, byte for byte: with it a container is made from one row, without touching a file.
 * `image_names` holds tags and digests in canonical form, as Docker's repositories.json does. A snapshot that an image
 * refers to cannot be removed.
 *
 * `image_blobs` is the reference count of the content store: config, manifests, indexes and layer blobs. `layer_blobs` says
 * which blobs hold a layer's content, compressed in one way or another; `blob_sources` which repositories of registries
 * (`docker.io/library/alpine`) are known to have a blob. Their rows go with the last row of `image_blobs`. Sizes are 0 in
 * rows of the first version: the store's opening completes them.
 */
export const imageMigrations: Migrations = {
  noun: "images",
  steps: [
    `CREATE TABLE images (
       id TEXT PRIMARY KEY,
       config BLOB NOT NULL,
       parent TEXT,
       size_bytes INTEGER NOT NULL,
       last_tagged_at TEXT
     ) STRICT;
     CREATE INDEX images_by_parent ON images (parent);
     CREATE TABLE image_layers (
       image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
       position INTEGER NOT NULL,
       snapshot TEXT NOT NULL REFERENCES snapshots (key),
       PRIMARY KEY (image_id, position)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX image_layers_by_snapshot ON image_layers (snapshot);
     CREATE TABLE image_names (
       name TEXT PRIMARY KEY,
       image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
       kind TEXT NOT NULL CHECK (kind IN ('tag', 'digest')),
       tagged_at TEXT NOT NULL
     ) STRICT;
     CREATE INDEX image_names_by_image ON image_names (image_id);
     CREATE TABLE image_blobs (
       image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
       digest TEXT NOT NULL,
       media_type TEXT NOT NULL,
       PRIMARY KEY (image_id, digest)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX image_blobs_by_digest ON image_blobs (digest);`,
    `CREATE TABLE layer_blobs (
       diff_id TEXT NOT NULL,
       digest TEXT NOT NULL,
       media_type TEXT NOT NULL,
       size_bytes INTEGER NOT NULL,
       PRIMARY KEY (diff_id, digest)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX layer_blobs_by_digest ON layer_blobs (digest);
     CREATE TABLE blob_sources (
       digest TEXT NOT NULL,
       repository TEXT NOT NULL,
       PRIMARY KEY (digest, repository)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE image_pins (
       image_id TEXT PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE
     ) STRICT, WITHOUT ROWID;
     ALTER TABLE image_blobs ADD COLUMN size_bytes INTEGER NOT NULL DEFAULT 0;`,
  ],
};
