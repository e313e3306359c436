/** `container prune` and `system prune`. */

import { fromUnknown } from "../../base/errors.ts";
import { humanSize } from "../../base/units.ts";
import { type CliContext, defineCommand } from "../command.ts";
import { CliFailure } from "../failure.ts";
import { type Filters, toggle } from "../flags.ts";
import { confirm } from "../prompt.ts";
import { filtersText, PRUNE_FILTER, pruneFilters } from "../prune-filters.ts";
import { removedImages } from "../render/prune-plan.ts";

/** What one kind of thing gave back. */
interface Pruned {
  readonly bytes: number;
  /** A heading and a line for each; empty where nothing went. */
  readonly text: string;
}

export const pruneContainers = defineCommand({
  arguments: "[OPTIONS]",
  flags: { filter: PRUNE_FILTER, force: toggle("Do not ask", { short: "f" }) },
  positionals: [0, 0],
  async run(context, { filter, force }) {
    const wanted = pruneFilters(filter, context.environment);
    const question = "WARNING! This will remove all stopped containers.\nAre you sure you want to continue?";
    if (force !== true && !(await confirm(context, question))) return 0;
    const { bytes, text } = await containers(context, wanted);
    await context.out(`${text === "" ? "" : `${text}\n`}Total reclaimed space: ${humanSize(bytes)}\n`);
    return 0;
  },
});

export const pruneSystem = defineCommand({
  arguments: "[OPTIONS]",
  flags: {
    all: toggle("Every image that no container uses, named or not", { short: "a" }),
    filter: PRUNE_FILTER,
    force: toggle("Do not ask", { short: "f" }),
    volumes: toggle("Anonymous volumes as well"),
  },
  positionals: [0, 0],
  async run(context, { all = false, filter, force, volumes: withVolumes = false }) {
    if (withVolumes && filter?.until !== undefined) {
      throw new CliFailure('ERROR: The "until" filter is not supported with "--volumes"');
    }
    const wanted = pruneFilters(filter, context.environment);
    if (force !== true && !(await confirm(context, systemQuestion(all, withVolumes, wanted)))) return 0;
    const steps = [containers, networks, ...(withVolumes ? [volumes] : []), images(all), buildCache(all)];
    let bytes = 0;
    for (const step of steps) {
      const pruned = await step(context, wanted).catch(nothingThere);
      bytes += pruned.bytes;
      if (pruned.text !== "") await context.out(`${pruned.text}\n`);
    }
    await context.out(`Total reclaimed space: ${humanSize(bytes)}\n`);
    return 0;
  },
});

/** A kind of thing that the engine has not yet has nothing to remove. */
function nothingThere(error: unknown): Pruned {
  if (fromUnknown(error).kind === "unimplemented") return { bytes: 0, text: "" };
  throw error;
}

const list = (title: string, names: readonly string[] | null | undefined) =>
  names === null || names === undefined || names.length === 0
    ? ""
    : `${title}:\n${names.map((name) => `${name}\n`).join("")}`;

async function containers({ client }: CliContext, wanted: Filters): Promise<Pruned> {
  const found = await client.pruneContainers({ filters: filtersText(wanted) });
  return { bytes: found.SpaceReclaimed, text: list("Deleted Containers", found.ContainersDeleted) };
}

async function networks({ client }: CliContext, wanted: Filters): Promise<Pruned> {
  const { NetworksDeleted } = await client.pruneNetworks({ filters: filtersText(wanted) });
  return { bytes: 0, text: list("Deleted Networks", NetworksDeleted) };
}

async function volumes({ client }: CliContext, wanted: Filters): Promise<Pruned> {
  const found = await client.pruneVolumes({ filters: filtersText(wanted) });
  return { bytes: found.SpaceReclaimed, text: list("Deleted Volumes", found.VolumesDeleted) };
}

const images =
  (all: boolean) =>
  async ({ client }: CliContext, wanted: Filters): Promise<Pruned> => {
    const found = await client.pruneImages({
      filters: filtersText({ ...wanted, dangling: { [String(!all)]: true } }),
    });
    return { bytes: found.SpaceReclaimed, text: removedImages(found.ImagesDeleted) };
  };

const buildCache =
  (all: boolean) =>
  async ({ client }: CliContext, wanted: Filters): Promise<Pruned> => {
    const found = await client.pruneBuildCache({ all: all || undefined, filters: filtersText(wanted) });
    return { bytes: found.SpaceReclaimed, text: list("Deleted build cache objects", found.CachesDeleted) };
  };

function systemQuestion(all: boolean, withVolumes: boolean, wanted: Filters): string {
  const warnings = [
    "all stopped containers",
    "all networks not used by at least one container",
    ...(withVolumes ? ["all anonymous volumes not used by at least one container"] : []),
    all ? "all images without at least one container associated to them" : "all dangling images",
    all ? "all build cache" : "unused build cache",
  ];
  const conditions = ["label", "label!", "until"]
    .flatMap((key) => Object.keys(wanted[key] ?? {}).map((value) => `${key}=${value}`))
    .sort();
  const bullets = (lines: readonly string[]) => lines.map((line) => `\n  - ${line}`).join("");
  const filtered =
    conditions.length === 0 ? "" : `\n  Items to be pruned will be filtered with:${bullets(conditions)}\n`;
  return `WARNING! This will remove:${bullets(warnings)}\n${filtered}\nAre you sure you want to continue?`;
}
