import { EngineError } from "../base/errors.ts";

/** Where a daemon listens. */
export type DaemonAddress =
  | { readonly kind: "unix"; readonly path: string; readonly text: string }
  | { readonly kind: "tcp"; readonly hostname: string; readonly port: number; readonly text: string };

/**
 * Parses DOCKER_HOST's form: `unix:///run/berth/berth.sock`, `tcp://127.0.0.1:2375`.
 * Throws invalid in Docker's words; `ssh://`, `npipe://` and `fd://` are unimplemented.
 */
export function parseDaemonAddress(text: string): DaemonAddress {
  const [scheme, rest] = splitOnce(text, "://");
  if (rest === undefined) throw new EngineError("invalid", `unable to parse docker host \`${text}\``);
  if (scheme === "unix") return { kind: "unix", path: rest === "" ? "/run/berth/berth.sock" : rest, text };
  if (scheme === "tcp") {
    const url = URL.canParse(`http://${rest}`) ? new URL(`http://${rest}`) : undefined;
    if (url === undefined) throw new EngineError("invalid", `unable to parse docker host \`${text}\``);
    return { kind: "tcp", hostname: url.hostname, port: Number(url.port || "2375"), text };
  }
  if (scheme === "ssh" || scheme === "npipe" || scheme === "fd") {
    throw new EngineError("unimplemented", `${scheme}:// addresses are not available in berth yet`);
  }
  throw new EngineError("invalid", `unable to parse docker host \`${text}\``);
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}
