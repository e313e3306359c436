import { defineCommand } from "../command.ts";
import { CliFailure } from "../failure.ts";

/** By the API's Kind. */
const LETTERS = ["C", "A", "D"] as const;

export const diff = defineCommand({
  arguments: "CONTAINER",
  flags: {},
  positionals: [1, 1],
  async run(context, _, [name = ""]) {
    if (name === "") throw new CliFailure("Container name cannot be empty");
    const changes = (await context.client.containerChanges(name)) ?? [];
    await context.out(changes.map(({ Kind, Path }) => `${LETTERS[Kind]} ${Path}\n`).join(""));
    return 0;
  },
});
