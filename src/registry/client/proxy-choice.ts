/** Which proxy a request goes through. The rules are those of Go's golang.org/x/net/http/httpproxy, which Docker's users know. */
import { isLoopbackHost, Network, splitHostPort } from "./network-match.ts";
import type { ProxySettings } from "./registry-settings.ts";

const DEFAULT_PORT: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };

/** The proxy's URL; undefined: straight to the host. Loopback is never asked through a proxy. */
export function proxyFor(url: URL, proxies: ProxySettings): string | undefined {
  const proxy = url.protocol === "https:" ? proxies.https : proxies.http;
  if (proxy === undefined || proxy === "") return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  if (isLoopbackHost(host)) return undefined;
  const port = url.port === "" ? (DEFAULT_PORT[url.protocol] ?? "") : url.port;
  const rules = (proxies.noProxy ?? "").split(",").map((rule) => rule.trim());
  if (rules.some((rule) => rule !== "" && matches(rule.toLowerCase(), host, port))) return undefined;
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
}

function matches(rule: string, host: string, port: string): boolean {
  if (rule === "*") return true;
  const network = Network.parse(rule);
  if (network !== undefined) return network.contains(host);
  const wanted = splitHostPort(rule);
  if (wanted.port !== undefined && wanted.port !== port) return false;
  // "*.example.com" and ".example.com" are the names below it, "example.com" is itself and the names below it.
  const name = wanted.host.startsWith("*.") ? wanted.host.slice(1) : wanted.host;
  if (name.startsWith(".")) return host.endsWith(name);
  return host === name || host.endsWith(`.${name}`);
}
