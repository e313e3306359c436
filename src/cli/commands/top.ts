import { defineCommand } from "../command.ts";
import { renderTable } from "../render/table.ts";

export const top = defineCommand({
  usage: "top CONTAINER [ps OPTIONS]",
  summary: "Display the running processes of a container",
  flags: {},
  positionals: [1, Number.POSITIVE_INFINITY],
  stopAtPositional: true,
  async run(context, _, [name = "", ...psArgs]) {
    const view = await context.client.topContainer(name, psArgs.length === 0 ? undefined : psArgs.join(" "));
    await context.out(renderTable(view.Titles, view.Processes));
    return 0;
  },
});
