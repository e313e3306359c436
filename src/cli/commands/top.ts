import { defineCommand } from "../command.ts";
import { renderTable } from "../render/table.ts";

export const top = defineCommand({
  arguments: "CONTAINER [ps OPTIONS]",
  flags: {},
  positionals: [1, Number.POSITIVE_INFINITY],
  stopAtPositional: true,
  async run(context, _, [name = "", ...psArgs]) {
    const view = await context.client.topContainer(name, psArgs.length === 0 ? undefined : psArgs.join(" "));
    await context.out(renderTable([view.Titles, ...view.Processes], 20));
    return 0;
  },
});
