import { defineCommand } from "../command.ts";
import { createContainer } from "../container-creation.ts";
import { CONTAINER_FLAGS } from "../container-flags.ts";

export const create = defineCommand({
  arguments: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  flags: CONTAINER_FLAGS,
  positionals: [1, Number.POSITIVE_INFINITY],
  stopAtPositional: true,
  async run(context, flags, positionals) {
    const { id } = await createContainer(context, flags, positionals, {});
    await context.out(`${id}\n`);
    return 0;
  },
});
