import type { Database, Migrations } from "../../host/sqlite.ts";
import { canonicalString, type ImageName } from "../../oci/reference.ts";

/**
 * As which manifest or index a tag was pulled or pushed last. One image can have several that lead to it: a push of the tag
 * sends the one that it came with. A hint: the tag may have been given to another image since.
 */
export const tagDocumentMigrations: Migrations = {
  noun: "tag_documents",
  steps: ["CREATE TABLE tag_documents (name TEXT PRIMARY KEY, digest TEXT NOT NULL) STRICT, WITHOUT ROWID;"],
};

export class TagDocuments {
  constructor(private readonly database: Database) {}

  find(tag: ImageName): string | undefined {
    const row = this.database
      .query<{ digest: string }, [string]>("SELECT digest FROM tag_documents WHERE name = ?")
      .get(canonicalString(tag));
    return row?.digest;
  }

  /** Remembers, and forgets tags that are no more. One transaction. */
  record(tag: ImageName, digest: string): void {
    this.database
      .transaction(() => {
        this.database.exec("DELETE FROM tag_documents WHERE name NOT IN (SELECT name FROM image_names)");
        this.database
          .query(
            "INSERT INTO tag_documents (name, digest) VALUES (?, ?) ON CONFLICT DO UPDATE SET digest = excluded.digest",
          )
          .run(canonicalString(tag), digest);
      })
      .immediate();
  }
}
