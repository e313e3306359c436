import type { ImageSummary } from "../../api/image-views.ts";
import { shortId } from "../../base/ids.ts";
import { humanDuration, humanSize } from "../../base/units.ts";
import { defineCommand } from "../command.ts";
import { filters, LIST_FORMAT_HELP, text, toggle } from "../flags.ts";
import { type Listing, type Row, renderListing } from "../render/listing.ts";
import { threeDigits } from "../render/text.ts";
import { goTime } from "../render/times.ts";

export const TITLES = {
  Containers: "CONTAINERS",
  CreatedAt: "CREATED AT",
  CreatedSince: "CREATED",
  Digest: "DIGEST",
  ID: "IMAGE ID",
  Repository: "REPOSITORY",
  SharedSize: "SHARED SIZE",
  Size: "SIZE",
  Tag: "TAG",
  UniqueSize: "UNIQUE SIZE",
  VirtualSize: "SIZE",
};

export const images = defineCommand({
  arguments: "[OPTIONS] [REPOSITORY[:TAG]]",
  flags: {
    all: toggle("Those that others were built on as well", { short: "a" }),
    digests: toggle("Their digests"),
    filter: filters(),
    format: text(LIST_FORMAT_HELP),
    "no-trunc": toggle("Whole IDs"),
    quiet: toggle("IDs alone", { short: "q" }),
  },
  positionals: [0, 1],
  async run(context, flags, [reference]) {
    const { format = "" } = flags;
    const wanted = {
      ...flags.filter,
      ...(reference === undefined ? {} : { reference: { ...flags.filter?.reference, [reference]: true } }),
    };
    const found = await context.client.listImages({
      all: flags.all === true || undefined,
      filters: Object.keys(wanted).length === 0 ? undefined : JSON.stringify(wanted),
    });
    const whole = flags["no-trunc"] === true;
    const digests = flags.digests === true || format.includes("{{.Digest}}");
    const rows = found.flatMap((image) => rowsOf(image, whole, digests, flags.digests === true));
    if (flags.quiet === true && (format === "" || format === "table")) {
      await context.out(rows.map(({ ID }) => `${ID}\n`).join(""));
      return 0;
    }
    const listing: Listing = {
      titles: TITLES,
      columns: [
        "Repository",
        "Tag",
        ...(flags.digests === true ? ["Digest"] : []),
        "ID",
        "CreatedSince",
        "Size",
      ],
      typeName: "*formatter.imageContext",
      complaints: ["template parsing error", "template parsing error"],
    };
    await context.out(renderListing(format, listing, rows));
    return 0;
  },
});

/** A row for each tag, or for each digest of it; digests without a tag of their repository come last. */
function rowsOf(image: ImageSummary, whole: boolean, digests: boolean, showAlone: boolean): Row[] {
  const digestsOf = Map.groupBy(image.RepoDigests, (entry) => entry.split("@")[0] ?? "");
  const names: Name[] = [];
  for (const name of image.RepoTags) {
    const at = name.lastIndexOf(":");
    const repository = name.slice(0, at);
    const own = digests ? (digestsOf.get(repository) ?? []) : [];
    const shown = own.length === 0 ? ["<none>"] : own.map((entry) => entry.split("@")[1] ?? "<none>");
    names.push(...shown.map((digest): Name => [repository, name.slice(at + 1), digest]));
  }
  const tagged = new Set(names.map(([repository]) => repository));
  for (const [repository, entries] of digestsOf) {
    if (tagged.has(repository)) continue;
    const shown = showAlone ? entries.map((entry) => entry.split("@")[1] ?? "<none>") : ["<none>"];
    names.push(...shown.map((digest): Name => [repository, "<none>", digest]));
  }
  if (names.length === 0) names.push(["<none>", "<none>", "<none>"]);
  return names.map((name) => rowOf(image, name, whole));
}

export type Name = readonly [repository: string, tag: string, digest: string];

export function rowOf(image: ImageSummary, [Repository, Tag, Digest]: Name, whole: boolean): Row {
  const counted = (amount: number) => (amount === -1 ? "N/A" : String(amount));
  return {
    Repository,
    Tag,
    Digest,
    Containers: counted(image.Containers),
    // Read by templates only: knowing the time zone takes longer than all the rest.
    get CreatedAt() {
      return goTime(image.Created);
    },
    CreatedSince: image.Created === 0 ? "N/A" : `${humanDuration(Date.now() / 1000 - image.Created)} ago`,
    ID: whole ? image.Id : shortId(image.Id),
    SharedSize: image.SharedSize === -1 ? "N/A" : humanSize(image.SharedSize),
    Size: threeDigits(image.Size),
    UniqueSize: image.SharedSize === -1 ? "N/A" : humanSize(image.Size - image.SharedSize),
    VirtualSize: humanSize(image.Size),
  };
}
