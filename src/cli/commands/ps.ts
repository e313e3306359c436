import type { ContainerSummary } from "../../api/container-views.ts";
import { shortId } from "../../base/ids.ts";
import { humanDuration, humanSize } from "../../base/units.ts";
import { UsageError } from "../arguments.ts";
import { defineCommand } from "../command.ts";
import { encodeFilters } from "../filters.ts";
import { type Columns, renderListing } from "../render/listing.ts";

const COLUMNS: Columns = [
  ["CONTAINER ID", "ID"],
  ["IMAGE", "Image"],
  ["COMMAND", "Command"],
  ["CREATED", "RunningFor"],
  ["STATUS", "Status"],
  ["PORTS", "Ports"],
  ["NAMES", "Names"],
];

export const ps = defineCommand({
  usage: "ps [OPTIONS]",
  summary: "List containers",
  flags: {
    all: { type: "bool", short: "a", help: "Show all containers (default shows just running)" },
    filter: { type: "list", short: "f", help: "Filter output based on conditions provided" },
    format: { type: "string", help: "Format output: table, json, or a Go template" },
    last: {
      type: "string",
      short: "n",
      placeholder: "int",
      help: "Show n last created containers (includes all states)",
    },
    latest: { type: "bool", short: "l", help: "Show the latest created container (includes all states)" },
    "no-trunc": { type: "bool", help: "Don't truncate output" },
    quiet: { type: "bool", short: "q", help: "Only display container IDs" },
    size: { type: "bool", short: "s", help: "Display total file sizes" },
  },
  positionals: [0, 0],
  async run(context, flags) {
    const last = flags.latest === true ? 1 : Number(flags.last ?? "0");
    if (!Number.isInteger(last))
      throw new UsageError(`invalid argument "${flags.last}" for "-n, --last" flag`);
    const query = {
      all: flags.all === true || last > 0 ? true : undefined,
      limit: last > 0 ? last : undefined,
      size: flags.size,
      filters: encodeFilters(flags.filter),
    };
    const containers = await context.client.listContainers(query);
    const whole = flags["no-trunc"] === true;
    if (flags.quiet === true) {
      await context.out(containers.map(({ Id }) => `${whole ? Id : shortId(Id)}\n`).join(""));
      return 0;
    }
    const columns: Columns = flags.size === true ? [...COLUMNS, ["SIZE", "Size"]] : COLUMNS;
    await context.out(
      renderListing(
        flags.format,
        columns,
        containers.map((container) => rowOf(container, whole)),
      ),
    );
    return 0;
  },
});

function rowOf(container: ContainerSummary, whole: boolean): Record<string, string> {
  const command = whole ? container.Command : ellipsis(container.Command, 20);
  return {
    Command: `"${command}"`,
    CreatedAt: new Date(container.Created * 1000).toISOString(),
    ID: whole ? container.Id : shortId(container.Id),
    Image: container.Image,
    Labels: Object.entries(container.Labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(","),
    Mounts: container.Mounts.map((mount) => mount.Name ?? mount.Source).join(","),
    Names: container.Names.map((name) => name.replace(/^\//, "")).join(","),
    Networks: Object.keys(container.NetworkSettings.Networks).join(","),
    Ports: container.Ports.map((port) => `${port.PrivatePort}/${port.Type}`).join(", "),
    RunningFor: `${humanDuration(Date.now() / 1000 - container.Created)} ago`,
    Size: sizeOf(container),
    State: container.State,
    Status: container.Status,
  };
}

function sizeOf({ SizeRw = 0, SizeRootFs = 0 }: ContainerSummary): string {
  const virtual = SizeRootFs > 0 ? ` (virtual ${humanSize(SizeRootFs)})` : "";
  return `${humanSize(SizeRw)}${virtual}`;
}

const ellipsis = (text: string, length: number) =>
  text.length > length ? `${text.slice(0, length - 1)}…` : text;
