/** The contents of a container's /etc/hostname, /etc/hosts and /etc/resolv.conf. Pure. */
import { isIP } from "node:net";
import type { ContainerConfig, HostConfig } from "../../api/container-config.ts";
import { EngineError } from "../../base/errors.ts";

const LOCALHOST = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;

/** Reads `name:address` of `--add-host`. Throws invalid; unimplemented for `host-gateway`. */
export function parseExtraHost(entry: string): { readonly name: string; readonly address: string } {
  const at = entry.indexOf(":");
  const [name, address] = [entry.slice(0, at), entry.slice(at + 1)];
  if (at < 1 || /\s/.test(name)) throw new EngineError("invalid", `bad format for add-host: "${entry}"`);
  if (address === "host-gateway") {
    throw new EngineError(
      "unimplemented",
      "host-gateway in --add-host is not available yet: it is an address of a bridge network",
    );
  }
  const bare = address.replace(/^\[(.*)\]$/, "$1");
  if (isIP(bare) === 0) throw new EngineError("invalid", `invalid IP address in add-host: "${address}"`);
  return { name, address: bare };
}

export function hostnameFile(config: ContainerConfig): string {
  return `${config.Hostname ?? ""}\n`;
}

/**
 * On the host's network the host's own file, unless hosts were added: then names of the host must not win over them
 * (moby libnetwork, buildHostsFile).
 */
export function hostsFile(host: HostConfig, hostsOfHost: string): string {
  const extra = host.ExtraHosts ?? [];
  if (host.NetworkMode === "host" && extra.length === 0) return hostsOfHost;
  const lines = extra.map(parseExtraHost).map(({ name, address }) => `${address}\t${name}\n`);
  return LOCALHOST + lines.join("");
}

/**
 * The host's resolver, with the client's servers, search domains and options in the place of the host's. Off the host's
 * network its loopback addresses lead nowhere, so they are left out.
 */
export function resolvConfFile(host: HostConfig, resolvConfOfHost: string): string {
  const lines = resolvConfOfHost.split("\n").map((line) => line.trim().split(/\s+/));
  const valuesOf = (keyword: string) =>
    lines.filter(([first]) => first === keyword).map(([, ...values]) => values);
  const own = valuesOf("nameserver").flatMap(([address]) => (address === undefined ? [] : [address]));
  const reachable = host.NetworkMode === "host" ? own : own.filter((address) => !isLoopback(address));
  const servers = orElse(host.Dns, reachable);
  const search = orElse(host.DnsSearch, valuesOf("search").at(-1) ?? valuesOf("domain").at(-1) ?? []);
  const options = orElse(host.DnsOptions, valuesOf("options").flat());
  return [
    "# Written anew at each start of the container.",
    ...servers.map((address) => `nameserver ${address}`),
    // `--dns-search .` asks for none.
    ...(search.length === 0 || search.join() === "." ? [] : [`search ${search.join(" ")}`]),
    ...(options.length === 0 ? [] : [`options ${options.join(" ")}`]),
    "",
  ].join("\n");
}

function orElse(given: readonly string[] | null | undefined, fallback: readonly string[]): readonly string[] {
  return given === null || given === undefined || given.length === 0 ? fallback : given;
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}
