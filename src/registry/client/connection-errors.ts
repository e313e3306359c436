/** Failures below HTTP, in the words that Docker (Go) has for them: people and programs search for these. */
import { lookup } from "node:dns/promises";
import { connect, isIPv6 } from "node:net";
import { EngineError } from "../../base/errors.ts";

const CONNECT_REASON: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "network is unreachable",
  ETIMEDOUT: "connection timed out",
};

const CERTIFICATE_REASON: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "certificate has expired or is not yet valid",
  CERT_NOT_YET_VALID: "certificate has expired or is not yet valid",
  CERT_REVOKED: "certificate was revoked",
};
const UNKNOWN_AUTHORITY = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_UNTRUSTED",
]);

/**
 * What went wrong before there was an answer. `details.settled` is true where trying again cannot help (nobody listens,
 * no such name, a certificate that does not fit).
 */
export async function connectionError(
  error: unknown,
  request: { readonly method: string; readonly url: URL; readonly proxied: boolean },
): Promise<EngineError> {
  const { method, url } = request;
  const code = codeOf(error);
  const { reason, settled } = await explain(code, error, url, request.proxied);
  return new EngineError("unavailable", `${subject(method, url)}: ${reason}`, {
    cause: error,
    details: { code, settled },
  });
}

/** `Get "https://host/v2/"`: Go's way to begin such a sentence. Queries are left out where they could hold a secret. */
export function subject(method: string, url: URL): string {
  const verb = method.charAt(0) + method.slice(1).toLowerCase();
  return `${verb} "${url.protocol}//${url.host}${url.pathname}"`;
}

export function timeoutError(method: string, url: URL, what: string): EngineError {
  return new EngineError("unavailable", `${subject(method, url)}: ${what}`, {
    details: { code: "ETIMEDOUT" },
  });
}

/** A transfer that broke off in the middle of a body. */
export function brokenBody(error: unknown, method: string, url: URL): EngineError {
  return new EngineError("unavailable", `${subject(method, url)}: unexpected EOF`, {
    cause: error,
    details: { code: codeOf(error) },
  });
}

function codeOf(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === "string" ? code : "";
}

async function explain(code: string, error: unknown, url: URL, proxied: boolean) {
  const connecting = CONNECT_REASON[code];
  if (connecting !== undefined) {
    const target = proxied ? "proxyconnect tcp" : `dial tcp ${await addressOf(url)}`;
    return { reason: `${target}: connect: ${connecting}`, settled: code === "ECONNREFUSED" };
  }
  if (code === "ENOTFOUND" || code === "ENODATA")
    return { reason: `dial tcp: lookup ${url.hostname}: no such host`, settled: true };
  if (code === "EAI_AGAIN" || code === "ETIMEOUT")
    return {
      reason: `dial tcp: lookup ${url.hostname}: Temporary failure in name resolution`,
      settled: false,
    };
  const certificate = certificateReason(code, url);
  if (certificate !== undefined)
    return { reason: `tls: failed to verify certificate: x509: ${certificate}`, settled: true };
  if (code === "EPROTO" || code.startsWith("ERR_SSL")) {
    const plain = !proxied && (await answersInPlainHttp(url));
    const reason = plain
      ? "http: server gave HTTP response to HTTPS client"
      : "remote error: tls: handshake failure";
    return { reason, settled: true };
  }
  if (code === "ECONNRESET" || code === "ECONNABORTED" || code === "EPIPE" || code === "ConnectionClosed")
    return { reason: "EOF", settled: false };
  return { reason: error instanceof Error ? error.message : String(error), settled: false };
}

function certificateReason(code: string, url: URL): string | undefined {
  if (UNKNOWN_AUTHORITY.has(code)) return "certificate signed by unknown authority";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID" || code === "HOSTNAME_MISMATCH")
    return `certificate is not valid for ${url.hostname}`;
  return CERTIFICATE_REASON[code];
}

/** Go's message names the address that was tried. */
async function addressOf(url: URL): Promise<string> {
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const address = await lookup(host).then(
    (found) => found.address,
    () => host,
  );
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
}

const PROBE_TIMEOUT_MS = 2_000;
/** The head of a TLS record: a server that speaks plain HTTP answers it with "HTTP/1.1 400". */
const CLIENT_HELLO = Uint8Array.of(0x16, 0x03, 0x01, 0x00, 0x04, 0x0d, 0x0a, 0x0d, 0x0a);

/** Tells "not TLS at all" from "TLS that did not work out": the runtime has one code for both. */
function answersInPlainHttp(url: URL): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(Number(url.port || 443), url.hostname.replace(/^\[|\]$/g, ""));
    const answer = (plain: boolean) => {
      socket.destroy();
      resolve(plain);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => answer(false));
    socket.once("connect", () => socket.write(CLIENT_HELLO));
    socket.once("data", (start) => answer(String(start).startsWith("HTTP/")));
    socket.once("error", () => answer(false));
    socket.once("close", () => answer(false));
  });
}
