/** `tag` and `rmi`. */
import { fromUnknown } from "../../base/errors.ts";
import { familiarRepository, parseImageName, withDefaultTag } from "../../oci/reference.ts";
import { defineCommand } from "../command.ts";
import { CliFailure, failureText } from "../failure.ts";
import { toggle } from "../flags.ts";

export const tag = defineCommand({
  arguments: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  flags: {},
  positionals: [2, 2],
  async run(context, _, [source = "", target = ""]) {
    const name = parseTarget(target);
    await context.client.tagImage(source, familiarRepository(name), name.tag ?? "latest");
    return 0;
  },
});

function parseTarget(text: string): ReturnType<typeof parseImageName> {
  let name: ReturnType<typeof parseImageName>;
  try {
    name = withDefaultTag(parseImageName(text));
  } catch (error) {
    const reason = fromUnknown(error).message;
    throw new CliFailure(
      `Error parsing reference: ${JSON.stringify(text)} is not a valid repository/tag: ${reason}`,
    );
  }
  if (name.digest !== undefined) throw new CliFailure("refusing to create a tag with a digest reference");
  return name;
}

export const rmi = defineCommand({
  arguments: "[OPTIONS] IMAGE [IMAGE...]",
  flags: {
    force: toggle("Remove the image though stopped containers use it", { short: "f" }),
    "no-prune": toggle("Keep parents that have no name"),
  },
  positionals: [1, Number.POSITIVE_INFINITY],
  async run(context, { force, "no-prune": noprune }, names) {
    let code = 0;
    let complaints = "";
    // One after the other: the first name may be what keeps the second from being the last of its image.
    for (const name of names) {
      try {
        const entries = await context.client.removeImage(name, { force, noprune });
        const lines = entries.map((entry) =>
          "Deleted" in entry ? `Deleted: ${entry.Deleted}\n` : `Untagged: ${entry.Untagged}\n`,
        );
        await context.out(lines.join(""));
      } catch (error) {
        const failure = fromUnknown(error);
        complaints += `${failureText(failure)}\n`;
        if (force !== true || failure.kind !== "notFound") code = 1;
      }
    }
    if (complaints !== "") await context.err(complaints);
    return code;
  },
});
