/** `save` and `export`: tars that the daemon makes. */
import { writeArchive } from "../archive-output.ts";
import { defineCommand } from "../command.ts";
import { text } from "../flags.ts";
import { platformJson } from "../platforms.ts";

const OUTPUT = text("A file to write instead of standard output", { short: "o" });

export const save = defineCommand({
  arguments: "[OPTIONS] IMAGE [IMAGE...]",
  flags: { output: OUTPUT, platform: text("Only the variant of this platform (os[/arch[/variant]])") },
  positionals: [1, Number.POSITIVE_INFINITY],
  async run(context, flags, names) {
    const platform = platformJson(context, flags.platform);
    await writeArchive(context, flags.output, "failed to save image", () =>
      context.client.saveImages({ names, platform }),
    );
    return 0;
  },
});

export const exportContainer = defineCommand({
  arguments: "[OPTIONS] CONTAINER",
  flags: { output: OUTPUT },
  positionals: [1, 1],
  async run(context, { output }, [name = ""]) {
    await writeArchive(context, output, "failed to export container", () =>
      context.client.exportContainer(name),
    );
    return 0;
  },
});
