import type { SearchResultView } from "../../api/registry-views.ts";
import { defineCommand } from "../command.ts";
import { registryAuth } from "../credentials/registry-auth.ts";
import { FORMAT_HELP, filters, text, toggle, value } from "../flags.ts";
import { type Listing, type Row, renderListing } from "../render/listing.ts";
import { ellipsis } from "../render/text.ts";
import { parseInteger } from "../values/numbers.ts";
import { splitOnce } from "../values/words.ts";

const LISTING: Listing = {
  titles: { Name: "NAME", Description: "DESCRIPTION", StarCount: "STARS", IsOfficial: "OFFICIAL" },
  columns: ["Name", "Description", "StarCount", "IsOfficial"],
  typeName: "*registry.searchContext",
  complaints: ["template parsing error", "template parsing error"],
};
const DESCRIPTION_LENGTH = 45;

export const search = defineCommand({
  arguments: "[OPTIONS] TERM",
  flags: {
    filter: filters(),
    format: text(FORMAT_HELP),
    limit: value("int", "At most so many results", parseInteger),
    "no-trunc": toggle("Whole descriptions"),
  },
  positionals: [1, 1],
  async run(context, flags, [term = ""]) {
    const { filter, format = "", limit = 0 } = flags;
    if (filter?.["is-automated"] !== undefined) {
      await context.err(
        'WARNING: the "is-automated" filter is deprecated, and searching for "is-automated=true" will not yield any results in future.\n',
      );
    }
    const query = {
      term,
      limit: limit > 0 ? limit : undefined,
      filters: filter === undefined ? undefined : JSON.stringify(filter),
    };
    const auth = await registryAuth(context, { domain: registryOf(term) });
    const results = await context.client.searchImages(query, auth);
    const asJson = format === "json" || /\{\{-?\s*json\s+\.\s*-?\}\}/.test(format);
    const rows = results.map((result) => rowOf(result, flags["no-trunc"] === true, asJson));
    await context.out(renderListing(format, LISTING, rows));
    return 0;
  },
});

/** A term may begin with the host of the registry that is asked. */
function registryOf(term: string): string {
  const [first, , separated] = splitOnce(term, "/");
  return separated && (/[.:]/.test(first) || first === "localhost") ? first : "docker.io";
}

function rowOf(result: SearchResultView, whole: boolean, asJson: boolean): Row {
  const description = result.description.replace(/[\r\n]/g, " ");
  return {
    Name: result.name,
    Description: whole ? description : ellipsis(description, DESCRIPTION_LENGTH),
    StarCount: String(result.star_count),
    IsOfficial: asJson ? String(result.is_official) : result.is_official ? "[OK]" : "",
  };
}
