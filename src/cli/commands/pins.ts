/** Pins: images that no prune removes. */
import { shortId } from "../../base/ids.ts";
import { defineCommand } from "../command.ts";
import { forEachName } from "../each.ts";
import { LIST_FORMAT_HELP, text, toggle } from "../flags.ts";
import { type Listing, renderListing } from "../render/listing.ts";

const MANY = [1, Number.POSITIVE_INFINITY] as const;

export const pin = defineCommand({
  arguments: "IMAGE [IMAGE...]",
  flags: {},
  positionals: MANY,
  run: (context, _, names) =>
    forEachName(context, names, async (name) => {
      await context.client.pinImage(name);
      return name;
    }),
});

export const unpin = defineCommand({
  arguments: "IMAGE [IMAGE...]",
  flags: {},
  positionals: MANY,
  run: (context, _, names) =>
    forEachName(context, names, async (name) => {
      await context.client.unpinImage(name);
      return name;
    }),
});

const LISTING: Listing = {
  titles: { ID: "IMAGE ID", Names: "NAMES" },
  columns: ["ID", "Names"],
  typeName: "pin",
  complaints: ["template parsing error", "template parsing error"],
};

export const pins = defineCommand({
  arguments: "[OPTIONS]",
  flags: {
    format: text(LIST_FORMAT_HELP),
    "no-trunc": toggle("Whole IDs"),
    quiet: toggle("IDs alone", { short: "q" }),
  },
  positionals: [0, 0],
  async run(context, { format = "", "no-trunc": whole = false, quiet = false }) {
    const found = await context.client.listImagePins();
    const rows = found.map(({ Id, Names }) => ({
      ID: whole ? Id : shortId(Id),
      Names: Names.length === 0 ? "<none>" : Names.join(","),
    }));
    const text = quiet ? rows.map(({ ID }) => `${ID}\n`).join("") : renderListing(format, LISTING, rows);
    await context.out(text);
    return 0;
  },
});
