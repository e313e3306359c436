/** `docker login`: does the registry accept these credentials? */
import { EngineError } from "../../base/errors.ts";
import { bearerOf } from "./authorizer.ts";
import { subject } from "./connection-errors.ts";
import { urlBelow } from "./contacts.ts";
import type { RegistryCall } from "./registry-client.ts";
import { errorOfResponse } from "./registry-errors.ts";
import type { Requests } from "./requests.ts";
import type { Sources } from "./sources.ts";
import type { Tokens } from "./tokens.ts";

interface Parts {
  readonly requests: Requests;
  readonly sources: Sources;
  readonly tokens: Tokens;
}

const HUB = "docker.io";
const HUB_NAMES = new Set(["", HUB, "index.docker.io", "registry-1.docker.io"]);
const HOST = /^[A-Za-z0-9.\-_[\]:]{1,255}$/;

/** A stored address (`https://index.docker.io/v1/`, `host:5000`, `http://host/`) as the registry of image names. */
export function registryOfAddress(serverAddress: string): string {
  const host = serverAddress.replace(/^https?:\/\//, "").split("/", 1)[0] ?? "";
  if (HUB_NAMES.has(host)) return HUB;
  if (!HOST.test(host) || !URL.canParse(`https://${host}`))
    throw new EngineError("invalid", `invalid registry address ${JSON.stringify(serverAddress)}`);
  return host;
}

/** Throws unauthenticated `Get "https://host/v2/": unauthorized: …`. */
export async function login(
  { requests, sources, tokens }: Parts,
  serverAddress: string,
  call: RegistryCall,
): Promise<{ readonly identityToken: string | undefined }> {
  const contact = await sources.origin(registryOfAddress(serverAddress), call);
  const { credentials, signal } = call;
  const url = urlBelow(contact, "/v2/");
  const challenge = bearerOf(contact);
  if (challenge !== undefined && (credentials?.registryToken ?? "") === "") {
    const request = { contact, challenge, scopes: [], credentials, offline: true };
    // An earlier answer proves nothing about what was typed now.
    tokens.forget(request);
    const token = await tokens.get(request, signal).catch((error: unknown) => {
      if (!(error instanceof EngineError) || error.kind === "canceled") throw error;
      throw new EngineError(error.kind, `${subject("GET", url)}: ${error.message}`, {
        cause: error,
        details: error.details,
      });
    });
    await prove(requests, contact, { ...call, credentials: { registryToken: token.value } });
    return { identityToken: token.refreshToken };
  }
  await prove(requests, contact, call);
  return { identityToken: undefined };
}

async function prove(requests: Requests, contact: Parameters<Requests["send"]>[0], call: RegistryCall) {
  const { response, url } = await requests.send(contact, { method: "GET", target: "/v2/", scopes: [] }, call);
  if (response.status === 200) return response.discard();
  if (response.status === 401 || response.status === 403) {
    const error = await errorOfResponse(response);
    throw new EngineError("unauthenticated", `${subject("GET", url)}: ${error.message}`, { cause: error });
  }
  await response.discard();
  const status = `${response.status} ${response.statusText}`.trimEnd();
  throw new EngineError("unavailable", `login attempt to ${url.href} failed with status: ${status}`);
}
