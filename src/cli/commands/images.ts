import type { ImageSummary } from "../../api/image-views.ts";
import { shortId } from "../../base/ids.ts";
import { humanDuration, humanSize } from "../../base/units.ts";
import { defineCommand } from "../command.ts";
import { encodeFilters } from "../filters.ts";
import { type Columns, renderListing } from "../render/listing.ts";

export const images = defineCommand({
  usage: "images [OPTIONS] [REPOSITORY[:TAG]]",
  summary: "List images",
  flags: {
    all: { type: "bool", short: "a", help: "Show all images (default hides intermediate images)" },
    digests: { type: "bool", help: "Show digests" },
    filter: { type: "list", short: "f", help: "Filter output based on conditions provided" },
    format: { type: "string", help: "Format output: table, json, or a Go template" },
    "no-trunc": { type: "bool", help: "Don't truncate output" },
    quiet: { type: "bool", short: "q", help: "Only show image IDs" },
  },
  positionals: [0, 1],
  async run(context, flags, [reference]) {
    const filters = [...flags.filter, ...(reference === undefined ? [] : [`reference=${reference}`])];
    const found = await context.client.listImages({
      all: flags.all,
      digests: flags.digests,
      filters: encodeFilters(filters),
    });
    const whole = flags["no-trunc"] === true;
    if (flags.quiet === true) {
      await context.out(found.map(({ Id }) => `${whole ? Id : shortId(Id)}\n`).join(""));
      return 0;
    }
    const columns: Columns = [
      ["REPOSITORY", "Repository"],
      ["TAG", "Tag"],
      ...(flags.digests === true ? ([["DIGEST", "Digest"]] as const) : []),
      ["IMAGE ID", "ID"],
      ["CREATED", "CreatedSince"],
      ["SIZE", "Size"],
    ];
    await context.out(
      renderListing(
        flags.format,
        columns,
        found.flatMap((image) => rowsOf(image, whole)),
      ),
    );
    return 0;
  },
});

/** One row for each tag, as Docker lists an image with several. */
function rowsOf(image: ImageSummary, whole: boolean): Record<string, string>[] {
  const names = image.RepoTags.length === 0 ? ["<none>:<none>"] : image.RepoTags;
  return names.map((name) => {
    const at = name.lastIndexOf(":");
    const repository = name.slice(0, at);
    const digest = image.RepoDigests.find((entry) => entry.startsWith(`${repository}@`));
    return {
      Repository: repository,
      Tag: name.slice(at + 1),
      Digest: digest?.split("@")[1] ?? "<none>",
      ID: whole ? image.Id : shortId(image.Id),
      CreatedAt: new Date(image.Created * 1000).toISOString(),
      CreatedSince: `${humanDuration(Date.now() / 1000 - image.Created)} ago`,
      Size: humanSize(image.Size),
    };
  });
}
