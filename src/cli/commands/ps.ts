import type { ContainerSummary } from "../../api/container-views.ts";
import { shortId } from "../../base/ids.ts";
import { humanDuration } from "../../base/units.ts";
import { defineCommand } from "../command.ts";
import { filters, LIST_FORMAT_HELP, text, toggle, value } from "../flags.ts";
import { goQuote } from "../render/go-values.ts";
import { type Listing, type Row, renderListing } from "../render/listing.ts";
import { displayPorts } from "../render/ports.ts";
import { ellipsis, threeDigits } from "../render/text.ts";
import { goTime } from "../render/times.ts";
import { parseInteger } from "../values/numbers.ts";

export const TITLES = {
  Command: "COMMAND",
  CreatedAt: "CREATED AT",
  ID: "CONTAINER ID",
  Image: "IMAGE",
  Labels: "LABELS",
  LocalVolumes: "LOCAL VOLUMES",
  Mounts: "MOUNTS",
  Names: "NAMES",
  Networks: "NETWORKS",
  Platform: "PLATFORM",
  Ports: "PORTS",
  RunningFor: "CREATED",
  Size: "SIZE",
  State: "STATE",
  Status: "STATUS",
};

const COLUMNS = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"];

export const ps = defineCommand({
  arguments: "[OPTIONS]",
  flags: {
    all: toggle("Those that do not run as well", { short: "a" }),
    filter: filters(),
    format: text(LIST_FORMAT_HELP),
    last: value("int", "The n that were created last, in whatever state", parseInteger, { short: "n" }),
    latest: toggle("The one that was created last, in whatever state", { short: "l" }),
    "no-trunc": toggle("Whole IDs and commands"),
    quiet: toggle("IDs alone", { short: "q" }),
    size: toggle("How much each takes on the disk", { short: "s" }),
  },
  positionals: [0, 0],
  async run(context, flags) {
    const { format = "", quiet = false } = flags;
    const last = flags.latest === true && (flags.last ?? -1) === -1 ? 1 : (flags.last ?? -1);
    const containers = await context.client.listContainers({
      all: flags.all === true || undefined,
      limit: last > 0 ? last : undefined,
      size: flags.size === true || namesSize(format) || undefined,
      filters: flags.filter === undefined ? undefined : JSON.stringify(flags.filter),
    });
    const whole = flags["no-trunc"] === true;
    if (quiet) {
      if (format !== "" && format !== "table") {
        await context.err("WARNING: Ignoring custom format, because both --format and --quiet are set.\n");
      }
      await context.out(containers.map(({ Id }) => `${whole ? Id : shortId(Id)}\n`).join(""));
      return 0;
    }
    const listing: Listing = {
      titles: TITLES,
      columns: flags.size === true ? [...COLUMNS, "Size"] : COLUMNS,
      typeName: "*formatter.ContainerContext",
      complaints: ["failed to parse template", "failed to execute template"],
    };
    const rows = containers.map((container) => rowOf(container, whole));
    await context.out(renderListing(format, listing, rows));
    return 0;
  },
});

/** The daemon counts sizes only when asked to: a template that names them asks. */
const namesSize = (format: string) => format.includes(".Size") || /\{\{-?\s*json\s+\.\s*-?\}\}/.test(format);

/** `whole`: ids and commands are not cut off. */
export function rowOf(container: ContainerSummary, whole: boolean): Row {
  const labels = container.Labels ?? {};
  const names = container.Names.map((name) => name.replace(/^\//, ""));
  const shown = whole ? names : names.filter((name) => !name.includes("/")).slice(0, 1);
  return {
    Command: goQuote(whole ? container.Command : ellipsis(container.Command, 20)),
    // Read by templates only: knowing the time zone takes longer than all the rest.
    get CreatedAt() {
      return goTime(container.Created);
    },
    ID: whole ? container.Id : shortId(container.Id),
    Image: imageName(container, whole),
    Label: (name) => labels[String(name)] ?? "",
    Labels: pairs(labels),
    LocalVolumes: String(container.Mounts.filter(({ Driver }) => Driver === "local").length),
    Mounts: container.Mounts.map(({ Name, Source }) => Name || Source)
      .map((name) => (whole ? name : ellipsis(name, 15)))
      .join(","),
    Names: shown.join(","),
    Networks: Object.keys(container.NetworkSettings.Networks).join(","),
    Platform: null,
    Ports: displayPorts(container.Ports),
    RunningFor: `${humanDuration(Date.now() / 1000 - container.Created)} ago`,
    Size: sizeOf(container),
    State: container.State,
    Status: container.Status,
  };
}

const pairs = (labels: Readonly<Record<string, string>>) =>
  Object.entries(labels)
    .map(([key, text]) => `${key}=${text}`)
    .sort()
    .join(",");

/** An image's digest is cut off; one that has no name left is a short id. */
function imageName({ Image, ImageID }: ContainerSummary, whole: boolean): string {
  if (Image === "") return "<no image>";
  if (whole) return Image;
  const id = shortId(ImageID);
  return shortId(Image) === id ? id : Image.replace(/@sha256:[0-9a-f]{64}$/, "");
}

function sizeOf({ SizeRw = 0, SizeRootFs = 0 }: ContainerSummary): string {
  const virtual = SizeRootFs > 0 ? ` (virtual ${threeDigits(SizeRootFs)})` : "";
  return `${threeDigits(SizeRw)}${virtual}`;
}
