import { EngineError } from "../base/errors.ts";

const DEFAULT_SOCKET = "/run/berth/berth.sock";
const DEFAULT_PORT = 2375;

/** Where a daemon listens. */
export type DaemonAddress =
  | { readonly kind: "unix"; readonly path: string; readonly text: string }
  | { readonly kind: "tcp"; readonly hostname: string; readonly port: number; readonly text: string };

/**
 * Parses the forms of DOCKER_HOST and `-H`: `unix:///run/berth/berth.sock`, `tcp://127.0.0.1:2375`, a bare host or path.
 * Throws invalid in Docker's words; `ssh://`, `npipe://` and `fd://` are unimplemented.
 */
export function parseDaemonAddress(text: string): DaemonAddress {
  const invalid = () => new EngineError("invalid", `invalid bind address format: ${text}`);
  const at = text.indexOf("://");
  if (at < 0) return parseTcp(text, `tcp://${text}`, invalid);
  const scheme = text.slice(0, at);
  const rest = text.slice(at + 3);
  if (scheme === "unix") return { kind: "unix", path: rest === "" ? DEFAULT_SOCKET : rest, text };
  if (scheme === "tcp" || scheme === "http") return parseTcp(rest, text, invalid);
  if (["ssh", "npipe", "fd", "https"].includes(scheme)) {
    throw new EngineError("unimplemented", `${scheme}:// addresses are not available in berth yet`);
  }
  throw invalid();
}

function parseTcp(authority: string, text: string, invalid: () => EngineError): DaemonAddress {
  const url = URL.canParse(`http://${authority}`) ? new URL(`http://${authority}`) : undefined;
  if (url === undefined || url.hostname === "" || url.username !== "") throw invalid();
  if (url.pathname !== "/") {
    throw new EngineError("unimplemented", "an address with a path is not available in berth yet");
  }
  // The URL parser leaves out http's own port even where it was given.
  const port = Number(url.port || (/:0*80\/?$/.test(authority) ? "80" : DEFAULT_PORT));
  return { kind: "tcp", hostname: url.hostname, port, text };
}
