import type { AuthConfig } from "../../api/registry-views.ts";
import type { RegistryCredentials } from "../../registry/client/registry-client.ts";

/** What a client sent, as the registry client wants it; undefined for nothing, which is how anonymous clients ask. */
export function credentialsOf(auth: AuthConfig | undefined): RegistryCredentials | undefined {
  if (auth === undefined) return undefined;
  const credentials: RegistryCredentials = {
    ...(auth.username || auth.password
      ? { username: auth.username ?? "", password: auth.password ?? "" }
      : {}),
    ...(auth.username || auth.password ? {} : pairOf(auth.auth)),
    ...(auth.identitytoken ? { identityToken: auth.identitytoken } : {}),
    ...(auth.registrytoken ? { registryToken: auth.registrytoken } : {}),
  };
  return Object.keys(credentials).length === 0 ? undefined : credentials;
}

/** `auth` of an old configuration file: base64 of `user:password`. What is none is left out, as an absent one is. */
function pairOf(auth: string | undefined): { username?: string; password?: string } {
  if (auth === undefined || auth === "") return {};
  const pair = Buffer.from(auth, "base64").toString("utf8");
  const colon = pair.indexOf(":");
  return colon < 1 ? {} : { username: pair.slice(0, colon), password: pair.slice(colon + 1) };
}
