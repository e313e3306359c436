import type { ImageDeleteEntry } from "../../api/image-views.ts";
import type { PruneKept, PrunePlanView } from "../../api/storage-views.ts";
import { shortId } from "../../base/ids.ts";
import { humanSize } from "../../base/units.ts";
import { renderTable } from "./table.ts";

/** What a prune has removed, as Docker lists it; empty for nothing. */
export function removedImages(entries: readonly ImageDeleteEntry[] | null): string {
  if (entries === null || entries.length === 0) return "";
  const lines = entries.map((entry) =>
    "Untagged" in entry && entry.Untagged
      ? `untagged: ${entry.Untagged}\n`
      : `deleted: ${"Deleted" in entry ? entry.Deleted : ""}\n`,
  );
  return `Deleted Images:\n${lines.join("")}`;
}

const namesOf = (names: readonly string[]) => (names.length === 0 ? "<none>" : names.join(","));

/** What would go and what would stay, each with its reason, and how to do exactly that. */
export function planText(plan: PrunePlanView): string {
  const removed = plan.Remove.map(({ Id, Names, Bytes, Reason }) => [
    shortId(Id),
    namesOf(Names),
    humanSize(Bytes),
    Reason,
  ]);
  const going =
    removed.length === 0
      ? "Nothing would be removed.\n"
      : `Would be removed:\n${renderTable([["IMAGE ID", "NAMES", "SIZE", "REASON"], ...removed])}`;
  const total = `\nTotal reclaimable space: ${humanSize(plan.SpaceReclaimed)}\n`;
  const how =
    removed.length === 0
      ? ""
      : `To remove exactly this, before ${plan.ExpiresAt}: berth image prune --plan ${plan.Id}\n`;
  return `${going}${keptText("\nWould be kept:\n", plan.Keep)}${total}${how}`;
}

/** Things that stayed and why, under a heading; empty for none. */
export function keptText(heading: string, kept: readonly PruneKept[]): string {
  if (kept.length === 0) return "";
  const rows = kept.map(({ Id, Names, Reason }) => [shortId(Id), namesOf(Names), Reason]);
  return `${heading}${renderTable([["IMAGE ID", "NAMES", "REASON"], ...rows])}`;
}
