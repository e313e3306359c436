import { humanSize } from "../../base/units.ts";
import { type CliContext, defineCommand } from "../command.ts";
import { CliFailure } from "../failure.ts";
import { text, toggle } from "../flags.ts";
import { confirm } from "../prompt.ts";
import { filtersText, PRUNE_FILTER, pruneFilters } from "../prune-filters.ts";
import { keptText, planText, removedImages } from "../render/prune-plan.ts";

export const pruneImages = defineCommand({
  arguments: "[OPTIONS]",
  flags: {
    all: toggle("Every image that no container uses, named or not", { short: "a" }),
    "dry-run": toggle("Remove nothing: tell what would go, what would stay, and why"),
    filter: PRUNE_FILTER,
    force: toggle("Do not ask", { short: "f" }),
    format: text("How --dry-run tells it: 'json'"),
    plan: text("Remove exactly what a dry run told, by the id it gave"),
  },
  positionals: [0, 0],
  async run(context, { all = false, "dry-run": dryRun = false, filter, force = false, format = "", plan }) {
    if (format !== "" && (format !== "json" || !dryRun)) {
      throw new CliFailure("--format is for --dry-run, and 'json' is the one there is");
    }
    if (plan !== undefined) {
      if (dryRun || all || filter !== undefined) {
        throw new CliFailure(
          "conflicting options: a plan says all; --plan goes with neither --dry-run, --all nor --filter",
        );
      }
      return await applyPlan(context, plan);
    }
    const wanted = pruneFilters(filter, context.environment);
    const query = { filters: filtersText({ ...wanted, dangling: { [String(!all)]: true } }) };
    if (dryRun) return await showPlan(context, query, format);
    if (!force && !(await confirm(context, question(all)))) return 0;
    const { ImagesDeleted, SpaceReclaimed } = await context.client.pruneImages(query);
    await context.out(resultText(removedImages(ImagesDeleted), SpaceReclaimed));
    return 0;
  },
});

function question(all: boolean): string {
  const what = all ? "all images without at least one container associated to them" : "all dangling images";
  return `WARNING! This will remove ${what}.\nAre you sure you want to continue?`;
}

const resultText = (removed: string, bytes: number) =>
  `${removed === "" ? "" : `${removed}\n`}Total reclaimed space: ${humanSize(bytes)}\n`;

type Query = { readonly filters: string | undefined };

async function showPlan(context: CliContext, query: Query, format: string): Promise<number> {
  const plan = await context.client.planImagePrune(query);
  await context.out(format === "json" ? `${JSON.stringify(plan)}\n` : planText(plan));
  return 0;
}

/** The dry run was the question: nothing is asked again. */
async function applyPlan(context: CliContext, plan: string): Promise<number> {
  const { ImagesDeleted, Kept = [], SpaceReclaimed } = await context.client.pruneImages({}, plan);
  const kept = keptText("Kept, since it changed after the plan was made:\n", Kept);
  await context.out(`${kept}${resultText(removedImages(ImagesDeleted), SpaceReclaimed)}`);
  return 0;
}
