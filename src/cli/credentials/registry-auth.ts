import type { AuthConfig } from "../../api/registry-views.ts";
import { fromUnknown } from "../../base/errors.ts";
import type { ImageName } from "../../oci/reference.ts";
import type { CliContext } from "../command.ts";
import { CredentialStore } from "./credential-store.ts";

/** What Docker keeps the credentials of Docker Hub under, since the days of registry v1. */
export const DOCKER_HUB = "https://index.docker.io/v1/";

/** The key of a registry's credentials by its host. */
export function serverOf(domain: string): string {
  return domain === "docker.io" || domain === "index.docker.io" ? DOCKER_HUB : domain;
}

/** `X-Registry-Auth`: base64url of the credentials as JSON, `{}` where there are none. */
export function encodeRegistryAuth(auth: AuthConfig): string {
  return Buffer.from(JSON.stringify(auth)).toString("base64").replaceAll("+", "-").replaceAll("/", "_");
}

/**
 * The header for the registry of an image. A store that cannot be read is told of on standard error, and the request goes on
 * without credentials: most images need none.
 */
export async function registryAuth(
  context: CliContext,
  { domain }: Pick<ImageName, "domain">,
): Promise<string> {
  try {
    return encodeRegistryAuth(await new CredentialStore(context.environment).get(serverOf(domain)));
  } catch (error) {
    await context.err(`WARNING: no credentials for ${domain}: ${fromUnknown(error).message}\n`);
    return encodeRegistryAuth({});
  }
}
