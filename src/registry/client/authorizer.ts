/** The `Authorization` header that a registry wants. */
import { EngineError } from "../../base/errors.ts";
import type { Challenge } from "./challenges.ts";
import type { Contact } from "./contacts.ts";
import type { RegistryCredentials } from "./registry-client.ts";
import { basicHeader, type TokenRequest, type Tokens } from "./tokens.ts";

export type Action = "pull" | "push" | "delete" | "*";

/** distribution/docs/spec/auth/scope.md. */
export function repositoryScope(path: string, ...actions: readonly Action[]): string {
  return `repository:${path}:${actions.join(",")}`;
}

export class Authorizer {
  constructor(private readonly tokens: Tokens) {}

  /**
   * Undefined when the registry has not asked for any. Throws unauthenticated "no basic auth credentials" when it wants a password and
   * there is none, and whatever the token server says.
   */
  async header(
    contact: Contact,
    scopes: readonly string[],
    given: RegistryCredentials | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const credentials = credentialsFor(contact, given);
    const bearer = bearerOf(contact);
    if (bearer !== undefined) {
      const own = credentials?.registryToken ?? "";
      if (own !== "") return `Bearer ${headerSafe(own)}`;
      const token = await this.tokens.get(tokenRequest(contact, bearer, scopes, credentials), signal);
      return `Bearer ${token.value}`;
    }
    if (!contact.challenges.some(({ scheme }) => scheme === "basic")) return undefined;
    const basic = basicHeader(credentials);
    if (basic === undefined) throw new EngineError("unauthenticated", "no basic auth credentials");
    return basic;
  }

  /** The registry refused what `header` gave. */
  forget(contact: Contact, scopes: readonly string[], given: RegistryCredentials | undefined): void {
    const bearer = bearerOf(contact);
    if (bearer === undefined) return;
    this.tokens.forget(tokenRequest(contact, bearer, scopes, credentialsFor(contact, given)));
  }
}

/** With a token server at hand it is preferred: a password then goes to it alone. */
export function bearerOf(contact: Contact): Challenge | undefined {
  return contact.challenges.find(({ scheme, parameters }) => scheme === "bearer" && parameters.has("realm"));
}

function tokenRequest(
  contact: Contact,
  challenge: Challenge,
  scopes: readonly string[],
  credentials: RegistryCredentials | undefined,
): TokenRequest {
  // What a request needs is known better here than there; only where it is not, the registry's word counts.
  const named = challenge.parameters.get("scope")?.split(" ") ?? [];
  const asked = scopes.length > 0 ? scopes : named.filter((scope) => scope !== "");
  return { contact, challenge, scopes: asked, credentials, offline: false };
}

/** Credentials belong to a registry, not to whoever mirrors it. */
function credentialsFor({ endpoint, base }: Contact, given: RegistryCredentials | undefined) {
  return endpoint.isMirror && base.host !== endpoint.registry ? undefined : given;
}

function headerSafe(token: string): string {
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new EngineError("invalid", "the registry token has characters that no token has");
  return token;
}
