import type { ImageHistoryEntry } from "../../api/image-views.ts";
import { shortId } from "../../base/ids.ts";
import { humanDuration } from "../../base/units.ts";
import { defineCommand } from "../command.ts";
import { LIST_FORMAT_HELP, text, toggle } from "../flags.ts";
import { platformJson } from "../platforms.ts";
import { type Listing, type Row, renderListing } from "../render/listing.ts";
import { ellipsis, threeDigits } from "../render/text.ts";
import { rfc3339Time } from "../render/times.ts";

const TITLES = {
  ID: "IMAGE",
  CreatedSince: "CREATED",
  CreatedAt: "CREATED AT",
  CreatedBy: "CREATED BY",
  Size: "SIZE",
  Comment: "COMMENT",
};

/** Steps of before 2000 have no time that anybody set. */
const EPOCH_SECONDS = Date.UTC(2000, 0, 1) / 1000;
const CREATED_BY_LENGTH = 45;

export const history = defineCommand({
  arguments: "[OPTIONS] IMAGE",
  flags: {
    format: text(LIST_FORMAT_HELP),
    human: toggle("Sizes and times in words (default true)", { short: "H" }),
    "no-trunc": toggle("Whole IDs and instructions"),
    platform: text("Of the variant of this platform (os[/arch[/variant]])"),
    quiet: toggle("IDs alone", { short: "q" }),
  },
  positionals: [1, 1],
  async run(context, flags, [name = ""]) {
    const { format = "", human = true, quiet = false } = flags;
    const platform = platformJson(context, flags.platform);
    const entries = await context.client.imageHistory(name, { platform });
    const rows = entries.map((entry) => rowOf(entry, human, flags["no-trunc"] === true));
    if (quiet && (format === "" || format === "table")) {
      await context.out(rows.map(({ ID }) => `${ID}\n`).join(""));
      return 0;
    }
    const listing: Listing = {
      titles: TITLES,
      columns: ["ID", human ? "CreatedSince" : "CreatedAt", "CreatedBy", "Size", "Comment"],
      typeName: "*image.historyContext",
      complaints: ["template parsing error", "template parsing error"],
    };
    await context.out(renderListing(format, listing, rows));
    return 0;
  },
});

function rowOf(entry: ImageHistoryEntry, human: boolean, whole: boolean): Row {
  const createdBy = entry.CreatedBy.replaceAll("\t", " ");
  const since =
    entry.Created <= EPOCH_SECONDS ? "N/A" : `${humanDuration(Date.now() / 1000 - entry.Created)} ago`;
  return {
    ID: whole ? entry.Id : shortId(entry.Id),
    CreatedAt: rfc3339Time(entry.Created),
    CreatedSince: human ? since : rfc3339Time(entry.Created),
    CreatedBy: whole ? createdBy : ellipsis(createdBy, CREATED_BY_LENGTH),
    Size: human ? threeDigits(entry.Size) : String(entry.Size),
    Comment: entry.Comment,
  };
}
