import { defineCommand } from "../command.ts";
import { CONTAINER_FLAGS } from "../container-flags.ts";
import { createContainer } from "./run.ts";

export const create = defineCommand({
  usage: "create [OPTIONS] IMAGE [COMMAND] [ARG...]",
  summary: "Create a new container",
  flags: { ...CONTAINER_FLAGS, cidfile: { type: "string", help: "Write the container ID to the file" } },
  positionals: [1, Number.POSITIVE_INFINITY],
  stopAtPositional: true,
  failureCode: 125,
  async run(context, flags, positionals) {
    const { Id } = await createContainer(context, flags, positionals);
    await context.out(`${Id}\n`);
    return 0;
  },
});
