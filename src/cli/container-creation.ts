import type { ContainerConfig } from "../api/container-config.ts";
import { EngineError, fromUnknown } from "../base/errors.ts";
import { familiarString, parseImageReference, withDefaultTag } from "../oci/reference.ts";
import type { CliContext } from "./command.ts";
import { type ContainerFlagValues, containerRequest } from "./container-request.ts";
import { requireNoContentTrust } from "./content-trust.ts";
import { CliFailure } from "./failure.ts";
import { platformName, wantedPlatform } from "./platforms.ts";

/**
 * Creates the container that flags and words ask for, prints the daemon's warnings and writes --cidfile. `changes` are
 * laid over the request. Throws CliFailure `hint` for flags that do not fit; what the daemon refuses comes as it is.
 */
export async function createContainer(
  context: CliContext,
  flags: ContainerFlagValues,
  positionals: readonly string[],
  changes: ContainerConfig,
): Promise<{ readonly id: string }> {
  const { cidfile, name, quiet } = flags;
  requireNoContentTrust(flags["disable-content-trust"], context.environment);
  const pull = pullPolicy(flags.pull);
  const request = { ...containerRequest(flags, positionals, context), ...changes };
  if (cidfile !== undefined && process.getBuiltinModule("node:fs").existsSync(cidfile)) {
    throw new EngineError(
      "invalid",
      `container ID file found, make sure the other container isn't running or delete ${cidfile}`,
    );
  }
  const image = request.Image ?? "";
  checkImage(image);
  const platform = platformName(context, wantedPlatform(context, flags.platform));
  const size = request.Tty === true ? context.terminal.size() : undefined;
  if (size !== undefined && request.HostConfig) {
    request.HostConfig.ConsoleSize = [size.rows, size.columns];
  }
  if (pull === "always") await pullImage(context, image, platform, quiet);
  const send = () => context.client.createContainer(request, { name, platform });
  const { Id: id, Warnings } = await send().catch(async (error) => {
    if (pull !== "missing" || !isMissingImage(error)) throw error;
    if (quiet !== true) await context.err(`Unable to find image '${displayName(image)}' locally\n`);
    await pullImage(context, image, platform, quiet);
    return await send();
  });
  for (const warning of Warnings ?? []) await context.err(`WARNING: ${warning}\n`);
  if (cidfile !== undefined) process.getBuiltinModule("node:fs").writeFileSync(cidfile, id, { flag: "wx" });
  return { id };
}

/** A container or a network that a flag names may be what is missing, too. */
function isMissingImage(error: unknown): boolean {
  const { kind, message } = fromUnknown(error);
  return kind === "notFound" && /^No such image|does not provide the specified platform/.test(message);
}

function pullPolicy(word: string | undefined): "always" | "missing" | "never" {
  if (word === undefined || word === "" || word === "missing") return "missing";
  if (word === "always" || word === "never") return word;
  throw new CliFailure(
    `invalid pull option: '${word}': must be one of "always", "missing" or "never"`,
    "hint",
  );
}

function checkImage(image: string): void {
  try {
    parseImageReference(image);
  } catch (error) {
    throw new EngineError("invalid", fromUnknown(error).message);
  }
}

function displayName(image: string): string {
  const reference = parseImageReference(image);
  return reference.kind === "digest" ? reference.digest : familiarString(withDefaultTag(reference.name));
}

/** Its code is loaded when an image is missing: most containers are made of one that is there. */
async function pullImage(
  context: CliContext,
  image: string,
  platform: string | undefined,
  quiet: boolean | undefined,
): Promise<void> {
  const { pullForContainer } = await import("./image-pull.ts");
  await pullForContainer(context, image, { platform, quiet });
}
