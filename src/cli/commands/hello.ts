import { EngineError } from "../../base/errors.ts";
import { parseArguments } from "../arguments.ts";
import { defineCommand } from "../command.ts";
import { run } from "./run.ts";

export const hello = defineCommand({
  arguments: "",
  flags: {},
  positionals: [0, 0],
  async run(context) {
    for await (const message of context.client.loadImages(await context.helloImage(), { quiet: true })) {
      if (message.error !== undefined) throw new EngineError("internal", message.error);
    }
    const { flags, positionals } = parseArguments(run, ["--rm", "--network", "none", "hello-world"]);
    return await run.run(context, flags, positionals);
  },
});
