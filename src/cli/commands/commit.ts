import { type ImageName, parseImageName, repositoryOf, withDefaultTag } from "../../oci/reference.ts";
import { defineCommand } from "../command.ts";
import { CliFailure } from "../failure.ts";
import { text, texts, toggle } from "../flags.ts";

export const commit = defineCommand({
  arguments: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
  flags: {
    author: text("Who made it (Jane Doe <jane@example.com>)", { short: "a" }),
    change: texts("An instruction of a Dockerfile to apply", { short: "c" }),
    message: text("Comment in the image's history", { short: "m" }),
    pause: toggle("Freeze the container meanwhile (default true)", { short: "p" }),
  },
  positionals: [1, 2],
  stopAtPositional: true,
  async run(context, { author = "", change, message = "", pause }, [container = "", reference = ""]) {
    const name = reference === "" ? undefined : targetOf(reference);
    const { Id } = await context.client.commitContainer({
      container,
      repo: name === undefined ? "" : repositoryOf(name),
      tag: name?.tag ?? "",
      comment: message,
      author,
      changes: change,
      pause: pause === false ? false : undefined,
    });
    await context.out(`${Id}\n`);
    return 0;
  },
});

function targetOf(reference: string): ImageName {
  const name = parseImageName(reference);
  if (name.digest !== undefined) throw new CliFailure("refusing to create a tag with a digest reference");
  return withDefaultTag(name);
}
