/** A registry's error answers (distribution-spec, "Error Codes"), in the words in which Docker reports them. */
import { EngineError, type ErrorKind } from "../../base/errors.ts";
import { familiarRepository, familiarString, type ImageName } from "../../oci/reference.ts";
import { parseChallenges } from "./challenges.ts";
import { type HttpResponse, readBodyStart } from "./http-transport.ts";

const MAX_ERROR_BYTES = 64 << 10;
const MAX_MESSAGE_CHARACTERS = 1024;

/** What the codes say when the registry sends no message of its own. */
const DEFAULT_MESSAGE: Readonly<Record<string, string>> = {
  UNAUTHORIZED: "authentication required",
  DENIED: "requested access to the resource is denied",
  TOOMANYREQUESTS: "too many requests",
  UNAVAILABLE: "service unavailable",
  UNSUPPORTED: "The operation is unsupported.",
  NAME_UNKNOWN: "repository name not known to registry",
  NAME_INVALID: "invalid repository name",
  TAG_INVALID: "manifest tag did not match URI",
  MANIFEST_UNKNOWN: "manifest unknown",
  MANIFEST_INVALID: "manifest invalid",
  MANIFEST_BLOB_UNKNOWN: "blob unknown to registry",
  BLOB_UNKNOWN: "blob unknown to registry",
  BLOB_UPLOAD_UNKNOWN: "blob upload unknown to registry",
  BLOB_UPLOAD_INVALID: "blob upload invalid",
  DIGEST_INVALID: "provided digest did not match uploaded content",
  SIZE_INVALID: "provided length did not match content length",
};

interface Complaint {
  /** Upper case: `MANIFEST_UNKNOWN`; `UNKNOWN` where the registry gave none. */
  readonly code: string;
  /** `manifest unknown: manifest unknown`. */
  readonly text: string;
}

/**
 * Reads an answer that is no success, and with that ends it. The error's `details` hold the HTTP `status` and the registry's
 * `code`. A 401 that names an insufficient scope is a refusal, not a missing login, as Docker has it.
 */
export async function errorOfResponse(response: HttpResponse): Promise<EngineError> {
  const { status, statusText } = response;
  const body = await readBodyStart(response, MAX_ERROR_BYTES).catch(() => new Uint8Array());
  if (status < 400 || status >= 500) {
    const message = `received unexpected HTTP status: ${status} ${statusText}`.trimEnd();
    return new EngineError(status >= 500 ? "unavailable" : "invalid", message, { details: { status } });
  }
  const fromHeader = complaintOfHeader(response.headers.get("www-authenticate"));
  const { code, text } = fromHeader ?? complaintOfBody(response, body);
  return new EngineError(kindOf(status, code), text, { details: { status, code } });
}

function kindOf(status: number, code: string): ErrorKind {
  if (code === "DENIED" || status === 403) return "denied";
  if (code === "UNAUTHORIZED" || status === 401) return "unauthenticated";
  if (code === "TOOMANYREQUESTS" || status === 429) return "exhausted";
  if (code === "DIGEST_INVALID") return "dataLoss";
  if (status === 404) return "notFound";
  return "invalid";
}

/** RFC 6750, section 3.1. */
function complaintOfHeader(header: string | null): Complaint | undefined {
  for (const { scheme, parameters } of parseChallenges(header)) {
    if (scheme !== "bearer") continue;
    const error = parameters.get("error");
    const code =
      error === "invalid_token" ? "UNAUTHORIZED" : error === "insufficient_scope" ? "DENIED" : undefined;
    if (code !== undefined) return complaint(code, parameters.get("error_description"));
  }
  return undefined;
}

function complaintOfBody({ status, headers }: HttpResponse, body: Uint8Array): Complaint {
  const text = new TextDecoder().decode(body);
  const type = (headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase();
  if (type !== "application/json" && type !== "application/vnd.api+json")
    return complaint(codeOfStatus(status), text.trim());
  const document = parseObject(text);
  if (typeof document?.details === "string" && document.details !== "")
    return complaint(codeOfStatus(status), document.details);
  const [first] = Array.isArray(document?.errors) ? (document.errors as unknown[]) : [];
  if (typeof first === "object" && first !== null) {
    const { code, message } = first as Record<string, unknown>;
    if (typeof code === "string" && /^\w{1,64}$/.test(code))
      return complaint(code.toUpperCase(), typeof message === "string" ? message : undefined);
  }
  if (status === 401) return complaint("UNAUTHORIZED", undefined);
  const problem = document === undefined ? "invalid JSON" : "no error details found in HTTP response body";
  return {
    code: "UNKNOWN",
    text: `error parsing HTTP ${status} response body: ${problem}: ${JSON.stringify(shortened(text))}`,
  };
}

function codeOfStatus(status: number): string {
  const codes: Readonly<Record<number, string>> = {
    401: "UNAUTHORIZED",
    403: "DENIED",
    429: "TOOMANYREQUESTS",
  };
  return codes[status] ?? "UNKNOWN";
}

function complaint(code: string, message: string | undefined): Complaint {
  const said = message === undefined || message === "" ? (DEFAULT_MESSAGE[code] ?? "unknown error") : message;
  return { code, text: `${code.toLowerCase().replaceAll("_", " ")}: ${shortened(said)}` };
}

/** Control characters of a stranger do not belong on somebody's terminal or in a log. */
function shortened(text: string): string {
  const plain = text.replace(/\p{Cc}+/gu, " ");
  return plain.length > MAX_MESSAGE_CHARACTERS ? `${plain.slice(0, MAX_MESSAGE_CHARACTERS)}…` : plain;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Docker's words for what a pull of `name` ran into; other errors pass as they are. */
export function pullError(error: EngineError, name: ImageName, reference: string | undefined): EngineError {
  const wrap = (text: string) =>
    new EngineError(error.kind, `${text}: ${error.message}`, { cause: error, details: error.details });
  switch (error.details.code) {
    case "DENIED":
      return wrap(
        `pull access denied for ${familiarRepository(name)}, repository does not exist or may require 'docker login'`,
      );
    case "MANIFEST_UNKNOWN":
      return wrap(`manifest for ${asked(name, reference)} not found`);
    case "NAME_UNKNOWN":
      return wrap(`repository ${familiarRepository(name)} not found`);
    default:
      return error;
  }
}

/** What the user wrote, where that is known: a part of an index is asked for by a digest that nobody has seen. */
export function asked(name: ImageName, reference: string | undefined): string {
  const byDigest = reference?.includes(":") === true;
  const written = name.tag !== undefined || name.digest !== undefined;
  if (reference === undefined || (byDigest && written)) return familiarString(name);
  return `${familiarRepository(name)}${byDigest ? "@" : ":"}${reference}`;
}
