import { defineCommand } from "../command.ts";
import { LIST_FORMAT_HELP, text, toggle } from "../flags.ts";
import { diskUsageText, verboseDiskUsageText } from "../render/disk-usage.ts";

export const diskUsage = defineCommand({
  arguments: "[OPTIONS]",
  flags: {
    format: text(LIST_FORMAT_HELP),
    verbose: toggle("Every image, container and volume by itself", { short: "v" }),
  },
  positionals: [0, 0],
  async run(context, { format = "", verbose = false }) {
    const usage = await context.client.diskUsage();
    await context.out(verbose ? verboseDiskUsageText(usage, format) : diskUsageText(usage, format));
    return 0;
  },
});
