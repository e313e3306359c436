/** `load` and `import`: archives from a file or standard input. */
import { createReadStream, openSync } from "node:fs";
import { type CliContext, defineCommand } from "../command.ts";
import { openFailure } from "../environment-files.ts";
import { CliFailure } from "../failure.ts";
import { text, texts, toggle } from "../flags.ts";
import { platformJson, wantedPlatform } from "../platforms.ts";
import { progressOutput } from "../progress-output.ts";
import { showProgress } from "../render/progress.ts";

export const load = defineCommand({
  arguments: "[OPTIONS]",
  flags: {
    input: text("A file to read instead of standard input", { short: "i" }),
    platform: text("Only the variant of this platform (os[/arch[/variant]])"),
    quiet: toggle("Print the names alone", { short: "q" }),
  },
  positionals: [0, 0],
  async run(context, { input, platform: given, quiet = false }) {
    if (input === undefined && context.terminal.isTerminal("stdin")) {
      throw new CliFailure("requested load from stdin, but stdin is empty");
    }
    const archive = bytesOf(context, input);
    const platform = platformJson(context, given);
    // Bars are for terminals.
    const query = { quiet: quiet || !context.terminal.isTerminal("stdout"), platform };
    await showProgress(context.client.loadImages(archive, query), progressOutput(context));
    return 0;
  },
});

export const importImage = defineCommand({
  arguments: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
  flags: {
    change: texts("An instruction of a Dockerfile to apply", { short: "c" }),
    message: text("Comment in the image's history", { short: "m" }),
    platform: text("Platform of the image (os[/arch[/variant]])"),
  },
  positionals: [1, Number.POSITIVE_INFINITY],
  async run(context, { change, message, platform }, [source = "-", reference = ""]) {
    const remote = /^https?:\/\//.test(source);
    const fromSrc = remote ? source : "-";
    const tar = remote ? undefined : bytesOf(context, source === "-" ? undefined : source);
    const query = {
      fromSrc,
      repo: reference,
      message,
      platform: wantedPlatform(context, platform),
      changes: change,
    };
    await showProgress(context.client.importImage(tar, query), progressOutput(context));
    return 0;
  },
});

/** Throws CliFailure for a file that cannot be opened, before anything is sent. */
function bytesOf(context: CliContext, path: string | undefined): AsyncIterable<Uint8Array> {
  if (path === undefined) return context.terminal.input();
  try {
    return createReadStream(path, { fd: openSync(path, "r") });
  } catch (error) {
    throw new CliFailure(openFailure(path, error));
  }
}
