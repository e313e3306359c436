import type { Migrations } from "../../host/sqlite.ts";

/**
 * `config` is the blob itself, byte for byte: with it a container is made from one row, without touching a file.
 * `image_names` holds tags and digests in canonical form, as Docker's repositories.json does. A snapshot that an image
 * refers to cannot be removed.
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
  ],
};
