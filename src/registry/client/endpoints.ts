/** Where a registry is: its mirrors and itself, as the settings and Docker's rules have it. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { isLoopbackHost, Network, splitHostPort } from "./network-match.ts";
import type { RegistryEntry, RegistrySettings } from "./registry-settings.ts";

export interface Endpoint {
  /** As in image names: `ghcr.io`, `docker.io`. */
  readonly registry: string;
  readonly isMirror: boolean;
  /** Without a slash at the end. Tried in this order until one of them answers: HTTPS, then, where that is allowed, HTTP. */
  readonly bases: readonly string[];
  /** Certificates are checked. */
  readonly verify: boolean;
}

const HUB = "docker.io";
const HUB_BASE = "https://registry-1.docker.io";
const NO_ENTRY: RegistryEntry = { mirrors: [], insecure: false };

function entryOf(registry: string, settings: RegistrySettings): RegistryEntry {
  return settings.registries.get(registry) ?? settings.registries.get("*") ?? NO_ENTRY;
}

/** The registry itself. */
export async function originOf(registry: string, settings: RegistrySettings): Promise<Endpoint> {
  const insecure = await isInsecure(registry, settings);
  const bases =
    registry === HUB
      ? [HUB_BASE]
      : insecure
        ? [`https://${registry}`, `http://${registry}`]
        : [`https://${registry}`];
  return { registry, isMirror: false, bases, verify: !insecure };
}

/** The registry's mirrors, in the order in which they are asked. */
export function mirrorsOf(registry: string, settings: RegistrySettings): Promise<Endpoint[]> {
  return Promise.all(
    entryOf(registry, settings).mirrors.map(async (mirror) => {
      const url = new URL(mirror);
      const verify = !(await isInsecure(url.host, settings));
      return { registry, isMirror: true, bases: [mirror.replace(/\/+$/, "")], verify };
    }),
  );
}

/**
 * `host[:port]` is on loopback or was declared insecure: by name, by name and port, or by a network that one of its
 * addresses lies in.
 */
export async function isInsecure(hostAndPort: string, settings: RegistrySettings): Promise<boolean> {
  const { host } = splitHostPort(hostAndPort);
  if (isLoopbackHost(host)) return true;
  const name = hostAndPort.toLowerCase();
  // "*" says what holds for registries without an entry; a mirror is not a registry of that name.
  if (settings.registries.get(hostAndPort)?.insecure === true) return true;
  if (!settings.registries.has(hostAndPort) && settings.registries.get("*")?.insecure === true) return true;
  if (settings.insecureRegistries.some((entry) => entry.toLowerCase() === name)) return true;
  const networks = settings.insecureRegistries.flatMap((entry) => Network.parse(entry) ?? []);
  if (networks.length === 0) return false;
  const addresses = isIP(host) === 0 ? await addressesOf(host) : [host];
  return addresses.some((address) => networks.some((network) => network.contains(address)));
}

/** A name that cannot be resolved lies in no network. */
async function addressesOf(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true }).catch(() => []);
  return found.map(({ address }) => address);
}
