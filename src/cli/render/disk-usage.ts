/** `system df`: how much of the disk each kind of thing takes, and how much of it could be had back. */
import type { ContainerSummary } from "../../api/container-views.ts";
import type { DiskUsageImage, DiskUsageView } from "../../api/disk-usage-views.ts";
import { humanSize } from "../../base/units.ts";
import { familiarRepository, parseImageName } from "../../oci/reference.ts";
import { TITLES as IMAGE_TITLES, rowOf as imageRow } from "../commands/images.ts";
import { TITLES as CONTAINER_TITLES, rowOf as containerRow } from "../commands/ps.ts";
import { CliFailure } from "../failure.ts";
import { TemplateError } from "./go-syntax.ts";
import { compileTemplate } from "./go-template.ts";
import { escapeHtml } from "./go-values.ts";
import { type Listing, type Row, renderListing } from "./listing.ts";
import { sizeAndShare } from "./text.ts";

type Usage = DiskUsageView<ContainerSummary>;

const COMPLAINTS = ["template parsing error", "template parsing error"] as const;

const SUMMARY: Listing = {
  titles: { Type: "TYPE", TotalCount: "TOTAL", Active: "ACTIVE", Size: "SIZE", Reclaimable: "RECLAIMABLE" },
  columns: ["Type", "TotalCount", "Active", "Size", "Reclaimable"],
  typeName: "*formatter.diskUsageImagesContext",
  complaints: COMPLAINTS,
};

/** A line for each kind of thing. */
export function diskUsageText(usage: Usage, format: string): string {
  return renderListing(format, SUMMARY, [imagesRow(usage), containersRow(usage), ...EMPTY_ROWS]);
}

function imagesRow({ Images = [], LayersSize = 0 }: Usage): Row {
  const used = Images.filter(({ Containers, SharedSize }) => Containers !== 0 && SharedSize !== -1);
  const own = used.reduce((sum, { SharedSize, Size }) => sum + Size - SharedSize, 0);
  return {
    Type: "Images",
    TotalCount: String(Images.length),
    Active: String(Images.filter(({ Containers }) => Containers > 0).length),
    Size: humanSize(LayersSize),
    Reclaimable: sizeAndShare(LayersSize - own, LayersSize),
  };
}

const isActive = ({ State }: ContainerSummary) => ["running", "paused", "restarting"].includes(State);

function containersRow({ Containers = [] }: Usage): Row {
  const sum = (some: readonly ContainerSummary[]) => some.reduce((all, { SizeRw = 0 }) => all + SizeRw, 0);
  const total = sum(Containers);
  return {
    Type: "Containers",
    TotalCount: String(Containers.length),
    Active: String(Containers.filter(isActive).length),
    Size: humanSize(total),
    Reclaimable: sizeAndShare(sum(Containers.filter((container) => !isActive(container))), total),
  };
}

/** The engine has no volumes and no build cache yet. */
const EMPTY_ROWS: readonly Row[] = ["Local Volumes", "Build Cache"].map((Type) => ({
  Type,
  TotalCount: "0",
  Active: "0",
  Size: "0B",
  Reclaimable: "0B",
}));

/** Every thing by itself: a table for each kind, or one template over `.Images`, `.Containers` and the rest. */
export function verboseDiskUsageText(usage: Usage, format: string): string {
  const { Containers = [], Images = [] } = usage;
  const asTable = format === "" || format === "table";
  const images = Images.map((image) => imageRow({ ...image }, nameOf(image), !asTable));
  const containers = Containers.map((container) => containerRow({ ...container, SizeRootFs: 0 }, !asTable));
  if (asTable) return tables(images, containers);
  const data = { Images: images, Containers: containers, Volumes: [], BuildCache: [] };
  const template = format === "json" ? "{{json .}}" : format;
  // Rows have their fields in the order of their names, all of them together in Docker's.
  const json = (value: unknown) =>
    value === data
      ? `{${Object.entries(data).map(([key, rows]) => `"${key}":${rowsJson(rows)}`)}}`
      : rowsJson(value);
  try {
    return compileTemplate(template, { functions: { json } })(data);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new CliFailure(`${error.phase === "parse" ? `${COMPLAINTS[0]}: ` : ""}${error.message}`);
  }
}

function nameOf({ RepoTags }: DiskUsageImage): [string, string, string] {
  const [first] = RepoTags;
  if (first === undefined || first === "<none>:<none>") return ["<none>", "<none>", ""];
  const name = parseImageName(first);
  return [familiarRepository(name), name.tag ?? "<none>", ""];
}

/** JSON of rows: fields in the order of their names, functions left out. */
function rowsJson(value: unknown): string {
  const sorted = (_: string, item: unknown) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item;
  return escapeHtml(JSON.stringify(value ?? null, sorted));
}

const listing = (titles: Listing["titles"], columns: string): Listing => ({
  titles,
  columns: columns.split(" "),
  typeName: "",
  complaints: COMPLAINTS,
});

const IMAGES = listing(IMAGE_TITLES, "Repository Tag ID CreatedSince Size SharedSize UniqueSize Containers");
const CONTAINERS = listing(CONTAINER_TITLES, "ID Image Command LocalVolumes Size RunningFor Status Names");
const VOLUMES = listing({ Name: "VOLUME NAME", Links: "LINKS", Size: "SIZE" }, "Name Links Size");
const BUILD_CACHE = listing(
  {
    ID: "CACHE ID",
    CacheType: "CACHE TYPE",
    Size: "SIZE",
    CreatedSince: "CREATED",
    LastUsedSince: "LAST USED",
    UsageCount: "USAGE",
    Shared: "SHARED",
  },
  "ID CacheType Size CreatedSince LastUsedSince UsageCount Shared",
);

function tables(images: readonly Row[], containers: readonly Row[]): string {
  return [
    `Images space usage:\n\n${renderListing("", IMAGES, images)}`,
    `Containers space usage:\n\n${renderListing("", CONTAINERS, containers)}`,
    `Local Volumes space usage:\n\n${renderListing("", VOLUMES, [])}`,
    `Build cache usage: 0B\n\n${renderListing("", BUILD_CACHE, [])}`,
  ].join("\n");
}
