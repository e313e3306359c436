/** `tag` and `rmi`. */
import { fromUnknown } from "../../base/errors.ts";
import { defineCommand } from "../command.ts";

export const tag = defineCommand({
  usage: "tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  summary: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
  flags: {},
  positionals: [2, 2],
  async run(context, _, [source = "", target = ""]) {
    const colon = /:[^/:]*$/.exec(target);
    const repo = colon === null ? target : target.slice(0, colon.index);
    await context.client.tagImage(source, repo, colon === null ? "latest" : colon[0].slice(1));
    return 0;
  },
});

export const rmi = defineCommand({
  usage: "rmi [OPTIONS] IMAGE [IMAGE...]",
  summary: "Remove one or more images",
  flags: {
    force: { type: "bool", short: "f", help: "Force removal of the image" },
    "no-prune": { type: "bool", help: "Do not delete untagged parents" },
  },
  positionals: [1, Number.POSITIVE_INFINITY],
  async run(context, flags, names) {
    let code = 0;
    for (const name of names) {
      try {
        const entries = await context.client.removeImage(name, {
          force: flags.force,
          noprune: flags["no-prune"],
        });
        const lines = entries.map((entry) =>
          "Deleted" in entry ? `Deleted: ${entry.Deleted}\n` : `Untagged: ${entry.Untagged}\n`,
        );
        await context.out(lines.join(""));
      } catch (error) {
        code = 1;
        await context.err(`Error response from daemon: ${fromUnknown(error).message}\n`);
      }
    }
    return code;
  },
});
