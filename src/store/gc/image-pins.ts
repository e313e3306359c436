import type { ImageId } from "../../base/ids.ts";
import type { Database } from "../../host/sqlite.ts";

/** Images that no prune removes, nor a removal without force. A pin goes with its image (foreign key). */
export class ImagePinRecords {
  constructor(private readonly database: Database) {}

  has(id: ImageId): boolean {
    return (
      this.database.query<object, [string]>("SELECT 1 FROM image_pins WHERE image_id = ?").get(id) !== null
    );
  }

  /** A second time is no error. */
  add(id: ImageId): void {
    this.database.query("INSERT INTO image_pins (image_id) VALUES (?) ON CONFLICT DO NOTHING").run(id);
  }

  /** False when it was not pinned. */
  remove(id: ImageId): boolean {
    return this.database.query("DELETE FROM image_pins WHERE image_id = ?").run(id).changes > 0;
  }

  all(): ImageId[] {
    return this.database
      .query<{ image_id: string }, []>("SELECT image_id FROM image_pins ORDER BY image_id")
      .all()
      .map((row) => row.image_id as ImageId);
  }
}
