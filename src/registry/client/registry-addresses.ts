/** What a person may write for mirrors, registries and proxies: checked once, when the configuration is read. */
import { isIP } from "node:net";
import { EngineError } from "../../base/errors.ts";
import { Network, splitHostPort } from "./network-match.ts";

const invalid = (message: string) => new EngineError("invalid", message);
const HOST_NAME = /^[a-z0-9](?:[a-z0-9_.-]*[a-z0-9])?$/;

/** `https://host[:port][/path]` without a slash at the end. Throws invalid in Docker's words. */
export function parseMirror(text: string): string {
  if (!/^[^:/]+:\/\//.test(text))
    throw invalid(
      `invalid mirror: no scheme specified for "${text}": must use either 'https://' or 'http://'`,
    );
  if (!URL.canParse(text)) throw invalid(`invalid mirror: "${text}" is not a valid URI`);
  const url = new URL(text);
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    const scheme = url.protocol.slice(0, -1);
    throw invalid(
      `invalid mirror: unsupported scheme "${scheme}" in "${text}": must use either 'https://' or 'http://'`,
    );
  }
  if (url.username !== "" || url.password !== "") {
    // Whoever reads the log need not read the password.
    throw invalid(
      `invalid mirror: username/password not allowed in URI "${url.protocol}//…@${url.host}${url.pathname}"`,
    );
  }
  if (url.search !== "" || url.hash !== "")
    throw invalid(`invalid mirror: query or fragment at end of the URI "${text}"`);
  return text.replace(/\/+$/, "");
}

/** A name, `host:port` or a network. A scheme before it is taken off, as Docker does. Throws invalid. */
export function parseInsecureRegistry(text: string): string {
  const plain = text.replace(/^https?:\/\//i, "");
  if (plain.includes("://")) throw invalid(`insecure registry ${text} should not contain '://'`);
  if (Network.parse(plain) !== undefined) return plain;
  checkHost(plain, `insecure registry ${text} is not valid`);
  return plain;
}

/** A key of the `registries` table: a registry as image names have it, or `*`. Throws invalid. */
export function parseRegistryName(text: string): string {
  if (text === "*") return text;
  if (text === "index.docker.io" || text === "registry-1.docker.io") return "docker.io";
  checkHost(text, `registry ${JSON.stringify(text)} is not valid`);
  return text;
}

function checkHost(text: string, complaint: string): void {
  const { host, port } = splitHostPort(text);
  if (!HOST_NAME.test(host) && isIP(host) === 0) throw invalid(`${complaint}: invalid host "${host}"`);
  if (port !== undefined && Number(port) > 65535) throw invalid(`${complaint}: invalid port "${port}"`);
}

/** `[http[s]://][user:password@]host[:port]`. Throws invalid, without saying the password. */
export function checkProxy(key: string, text: string): string {
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  if (url !== undefined && (url.protocol === "http:" || url.protocol === "https:")) return text;
  throw invalid(`invalid ${key}: it must be http://host:port or https://host:port`);
}
