import type { ContainerFlagValues } from "./container-request.ts";
import { CliFailure } from "./failure.ts";
import type { NetworkAttachment } from "./values/network.ts";

const failure = (message: string) => new CliFailure(message, "hint");

/** Networks that a user makes have names and links of their own; these have not. */
function isUserDefined(name: string): boolean {
  return !["default", "bridge", "host", "none"].includes(name) && !name.startsWith("container:");
}

const networksOf = (flags: ContainerFlagValues): readonly NetworkAttachment[] => [
  ...flags.network,
  ...flags.net,
];

/** The first network; the others are endpoints only. */
export function networkMode(flags: ContainerFlagValues): string {
  return networksOf(flags)[0]?.target ?? "default";
}

/** The endpoints' settings by network; undefined where a name is all there is to say. Throws CliFailure `hint`. */
export function endpointsOf(flags: ContainerFlagValues): Record<string, Record<string, unknown>> | undefined {
  const given = networksOf(flags);
  const networks = given.length === 0 ? [defaultNetwork()] : given;
  const endpoints: Record<string, Record<string, unknown>> = {};
  for (const [index, network] of networks.entries()) {
    // The older flags speak of the first network.
    const endpoint = endpointOf(
      index === 0 ? withFlags(network, flags) : network,
      index === 0 ? flags.link : [],
    );
    if (network.target in endpoints) throw failure(`network "${network.target}" is specified multiple times`);
    if (networks.length > 1 || Object.keys(endpoint).length > 0) endpoints[network.target] = endpoint;
  }
  const kinds = new Set(given.map(({ target }) => isUserDefined(target)));
  if (kinds.size > 1) {
    throw failure("conflicting options: cannot attach both user-defined and non-user-defined network-modes");
  }
  return Object.keys(endpoints).length === 0 ? undefined : endpoints;
}

const defaultNetwork = (): NetworkAttachment => ({
  target: "default",
  aliases: [],
  driverOptions: {},
  linkLocalIps: [],
});

function withFlags(network: NetworkAttachment, flags: ContainerFlagValues): NetworkAttachment {
  const aliases = [...flags["network-alias"], ...flags["net-alias"]];
  const conflict = (what: string) => failure(`conflicting options: cannot specify both ${what}`);
  if (network.aliases.length > 0 && aliases.length > 0) {
    throw conflict("--network-alias and per-network alias");
  }
  if (network.ip !== undefined && flags.ip !== undefined) throw conflict("--ip and per-network IPv4 address");
  if (network.ip6 !== undefined && flags.ip6 !== undefined) {
    throw conflict("--ip6 and per-network IPv6 address");
  }
  if (network.macAddress !== undefined && flags["mac-address"] !== undefined) {
    throw conflict("--mac-address and per-network MAC address");
  }
  if (network.linkLocalIps.length > 0 && flags["link-local-ip"].length > 0) {
    throw conflict("--link-local-ip and per-network link-local IP addresses");
  }
  return {
    ...network,
    aliases: [...network.aliases, ...aliases],
    ip: network.ip ?? flags.ip,
    ip6: network.ip6 ?? flags.ip6,
    macAddress: network.macAddress ?? flags["mac-address"],
    linkLocalIps: [...network.linkLocalIps, ...flags["link-local-ip"]],
  };
}

function endpointOf(network: NetworkAttachment, links: readonly string[]): Record<string, unknown> {
  if (network.target.trim() === "") throw failure("no name set for network");
  const userDefined = isUserDefined(network.target);
  if (!userDefined && network.aliases.length > 0) {
    throw failure("network-scoped aliases are only supported for user-defined networks");
  }
  const mac = network.macAddress?.trim();
  if (mac !== undefined && !/^[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5}$/.test(mac)) {
    throw failure(`${network.macAddress} is not a valid mac address`);
  }
  const { ip, ip6, linkLocalIps } = network;
  const hasAddress = ip !== undefined || ip6 !== undefined || linkLocalIps.length > 0;
  const addresses = { IPv4Address: ip, IPv6Address: ip6, LinkLocalIPs: linkLocalIps };
  return {
    ...(network.aliases.length > 0 ? { Aliases: network.aliases } : {}),
    ...(Object.keys(network.driverOptions).length > 0 ? { DriverOpts: network.driverOptions } : {}),
    ...(userDefined && links.length > 0 ? { Links: links } : {}),
    ...(hasAddress ? { IPAMConfig: addresses } : {}),
    ...(mac === undefined ? {} : { MacAddress: mac }),
    ...(network.gatewayPriority === undefined ? {} : { GwPriority: network.gatewayPriority }),
  };
}
