/** Where the daemon listens. */
import { isIP } from "node:net";
import { EngineError } from "../base/errors.ts";

export interface TlsMaterial {
  /** PEM. */
  readonly key: string | Buffer;
  readonly cert: string | Buffer;
  /** Clients then have to show a certificate that this authority signed. */
  readonly clientAuthority: string | Buffer | undefined;
}

export type ListenAddress =
  | { readonly kind: "unix"; readonly path: string; readonly gid: number | undefined }
  | {
      readonly kind: "tcp";
      readonly host: string;
      readonly port: number;
      readonly tls: TlsMaterial | undefined;
    };

const DEFAULT_PORT = 2375;
const DEFAULT_TLS_PORT = 2376;

/**
 * Reads `unix:///run/berth/berth.sock` and `tcp://127.0.0.1:2375`. Whoever can connect is root, so an address that others
 * can reach is refused unless TLS with client certificates guards it. Throws invalid, denied or unimplemented.
 */
export function parseListenAddress(
  text: string,
  options: { readonly gid?: number; readonly tls?: TlsMaterial } = {},
): ListenAddress {
  const [scheme, rest = ""] = text.split("://", 2);
  if (scheme === "unix") {
    if (!rest.startsWith("/"))
      throw new EngineError("invalid", `the socket's path must be absolute: ${text}`);
    return { kind: "unix", path: rest, gid: options.gid };
  }
  if (scheme === "fd" || scheme === "npipe") {
    throw new EngineError("unimplemented", `listening on ${scheme}:// is not available in berth`);
  }
  const url = scheme === "tcp" && URL.canParse(`http://${rest}`) ? new URL(`http://${rest}`) : undefined;
  if (url === undefined || url.hostname === "") {
    throw new EngineError("invalid", `invalid bind address (${text}): use unix:///path or tcp://host:port`);
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (options.tls?.clientAuthority === undefined && !isLoopback(host)) {
    throw new EngineError(
      "denied",
      `refusing to listen on ${text} without client certificates: everybody who can connect would be root on this machine`,
    );
  }
  const port = /:\d+$/.test(rest.replace(/\/.*$/, "")) ? Number(url.port || "80") : undefined;
  const fallback = options.tls === undefined ? DEFAULT_PORT : DEFAULT_TLS_PORT;
  return { kind: "tcp", host, port: port ?? fallback, tls: options.tls };
}

/** The address as `parseListenAddress` reads it. */
export function listenAddressText(address: ListenAddress): string {
  if (address.kind === "unix") return `unix://${address.path}`;
  const host = isIP(address.host) === 6 ? `[${address.host}]` : address.host;
  return `tcp://${host}:${address.port}`;
}

/** Only what cannot leave this machine: names other than `localhost` could be resolved to anything. */
export function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith("127.");
  return host === "::1" || host === "localhost";
}
