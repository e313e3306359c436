/** `pull` and `push`. */
import {
  canonicalString,
  type ImageName,
  parseImageName,
  repositoryOf,
  withDefaultTag,
} from "../../oci/reference.ts";
import { type CliContext, defineCommand } from "../command.ts";
import { CONTENT_TRUST_FLAG, requireNoContentTrust } from "../content-trust.ts";
import { registryAuth } from "../credentials/registry-auth.ts";
import { CliFailure } from "../failure.ts";
import { text, toggle } from "../flags.ts";
import { pullImage } from "../image-pull.ts";
import { platformJson, wantedPlatform } from "../platforms.ts";
import { progressOutput } from "../progress-output.ts";
import { noteText } from "../render/note.ts";
import { showProgress } from "../render/progress.ts";

export const pull = defineCommand({
  arguments: "[OPTIONS] NAME[:TAG|@DIGEST]",
  flags: {
    "all-tags": toggle("Every tag of the repository", { short: "a" }),
    "disable-content-trust": CONTENT_TRUST_FLAG,
    platform: text("Platform, where the image has several"),
    quiet: toggle("Print the name alone", { short: "q" }),
  },
  positionals: [1, 1],
  async run(context, flags, [remote = ""]) {
    const { "all-tags": allTags = false, quiet = false } = flags;
    const name = await wantedName(context, remote, allTags, quiet);
    requireNoContentTrust(flags["disable-content-trust"], context.environment);
    const platform = wantedPlatform(context, flags.platform);
    const output = quiet ? undefined : progressOutput(context);
    await pullImage(context, name, { platform, allTags, output });
    await context.out(`${canonicalString(name)}\n`);
    return 0;
  },
});

/** The name with the tag that is meant; tells which one that is where none was given. */
async function wantedName(
  context: CliContext,
  remote: string,
  allTags: boolean,
  quiet: boolean,
): Promise<ImageName> {
  const name = parseImageName(remote);
  const bare = name.tag === undefined && name.digest === undefined;
  if (allTags && !bare) throw new CliFailure("tag can't be used with --all-tags/-a");
  if (allTags || !bare) return name;
  if (!quiet) await context.out("Using default tag: latest\n");
  return withDefaultTag(name);
}

const ONE_PLATFORM =
  "With --platform the manifest of that platform alone is pushed.\nWhat else the image's index has, other platforms and attestations, stays here.";
const STRIPPED = "Only one platform of the image is here: it was pushed without the index around it";
const MISSING =
  "The image's index names platforms whose content is neither here nor in the registry.\nPull them first, or push one platform alone with --platform.";

export const push = defineCommand({
  arguments: "[OPTIONS] NAME[:TAG]",
  flags: {
    "all-tags": toggle("Every tag of the repository", { short: "a" }),
    "disable-content-trust": CONTENT_TRUST_FLAG,
    platform: text("Push one platform of the image alone (os[/arch[/variant]])"),
    quiet: toggle("Print the name alone", { short: "q" }),
  },
  positionals: [1, 1],
  async run(context, flags, [remote = ""]) {
    const { "all-tags": allTags = false, quiet = false } = flags;
    const onTerminal = context.terminal.isTerminal("stdout");
    const platform = platformJson(context, flags.platform, `Invalid platform ${flags.platform}`);
    if (platform !== undefined) await context.out(noteText(`${ONE_PLATFORM}\n`, onTerminal));
    const name = await wantedName(context, remote, allTags, quiet);
    requireNoContentTrust(flags["disable-content-trust"], context.environment);
    if (name.digest !== undefined) throw new CliFailure("cannot push a digest reference");
    const query = { tag: allTags ? undefined : name.tag, platform };
    const auth = await registryAuth(context, name);
    const notes: string[] = [];
    const messages = context.client.pushImage(repositoryOf(name), query, auth);
    try {
      const output = quiet ? undefined : progressOutput(context);
      await showProgress(messages, output, (aux) => notes.push(...notesOf(aux)));
    } finally {
      for (const note of notes) await context.out(noteText(note, onTerminal));
    }
    if (quiet) await context.out(`${canonicalString(name)}\n`);
    return 0;
  },
});

/** What the daemon found about the index that it was to push (moby: api/types/auxprogress). */
function notesOf(aux: unknown): string[] {
  const found = typeof aux === "object" && aux !== null ? (aux as Record<string, unknown>) : {};
  const { originalIndex, selectedManifest } = found;
  return [
    ...(found.manifestPushedInsteadOfIndex === true
      ? [`${STRIPPED}\n${digestOf(originalIndex)} -> ${digestOf(selectedManifest)}`]
      : []),
    ...(found.contentMissing === true ? [MISSING] : []),
  ];
}

const digestOf = (descriptor: unknown) =>
  String((descriptor as { digest?: unknown } | undefined)?.digest ?? "");
