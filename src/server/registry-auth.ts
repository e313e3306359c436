import type { IncomingHttpHeaders } from "node:http";
import { type AuthConfig, authConfigShape } from "../api/registry-views.ts";
import { EngineError } from "../base/errors.ts";

/**
 * Credentials of `X-Registry-Auth`: JSON in base64url, with padding or without, in the other alphabet too. As in Docker a
 * malformed header is the same as none: what needs credentials is then refused by the registry.
 */
export function authOf(headers: IncomingHttpHeaders): AuthConfig | undefined {
  const header = headers["x-registry-auth"];
  if (typeof header !== "string" || header === "") return undefined;
  try {
    return authConfigShape(JSON.parse(Buffer.from(header, "base64url").toString("utf8")), "AuthConfig");
  } catch {
    return undefined;
  }
}

/** As the clients of 2014 push: credentials in the body. Throws invalid in Docker's words for a body without any. */
export function missingAuth(): EngineError {
  return new EngineError(
    "invalid",
    "bad parameters and missing X-Registry-Auth: invalid X-Registry-Auth header: EOF",
  );
}
