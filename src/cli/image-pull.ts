import { EngineError } from "../base/errors.ts";
import { type ImageName, parseImageReference, repositoryOf, withDefaultTag } from "../oci/reference.ts";
import type { CliContext } from "./command.ts";
import { registryAuth } from "./credentials/registry-auth.ts";
import { progressOutput } from "./progress-output.ts";
import { type ProgressOutput, showProgress } from "./render/progress.ts";

export interface PullOptions {
  readonly platform: string | undefined;
  /** Every tag of the repository; the name has none. */
  readonly allTags?: boolean;
  /** undefined: nothing is shown. */
  readonly output: ProgressOutput | undefined;
}

/** Has the daemon download an image, with the caller's credentials for its registry. Throws what the daemon says. */
export async function pullImage(context: CliContext, name: ImageName, options: PullOptions): Promise<void> {
  const auth = await registryAuth(context, name);
  const query = {
    fromImage: repositoryOf(name),
    tag: options.allTags === true ? undefined : (name.digest ?? name.tag),
    platform: options.platform?.toLowerCase(),
  };
  await showProgress(context.client.pullImage(query, auth), options.output);
}

/** For a container: what is said on the way goes to standard error, since the output is the container's. */
export async function pullForContainer(
  context: CliContext,
  image: string,
  { platform, quiet }: { readonly platform: string | undefined; readonly quiet: boolean | undefined },
): Promise<void> {
  const reference = parseImageReference(image);
  if (reference.kind === "digest") throw new EngineError("notFound", `No such image: ${image}`);
  const output = quiet === true ? undefined : progressOutput(context, "stderr");
  await pullImage(context, withDefaultTag(reference.name), { platform, output });
}
