/** Hosts, ports and networks as configuration files write them: in `insecure-registries` and in NO_PROXY. */
import { BlockList, isIP } from "node:net";

export interface HostPort {
  /** Lower case; IPv6 without brackets. */
  readonly host: string;
  readonly port: string | undefined;
}

/** `host`, `host:port`, `[v6]:port`, or a bare IPv6 address. Never fails: what is not understood is a host that matches nothing. */
export function splitHostPort(text: string): HostPort {
  const lower = text.toLowerCase();
  if (isIP(lower) === 6) return { host: lower, port: undefined };
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(lower);
  if (match === null) return { host: lower, port: undefined };
  return { host: match[1] ?? match[2] ?? "", port: match[3] };
}

const familyOf = (address: string) => (isIP(address) === 6 ? "ipv6" : "ipv4");

export class Network {
  readonly #list = new BlockList();

  private constructor(address: string, prefixBits: number) {
    this.#list.addSubnet(address, prefixBits, familyOf(address));
  }

  /** `10.0.0.0/8`, `fd00::/8`; undefined for everything else. */
  static parse(text: string): Network | undefined {
    const match = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(text.trim());
    const [, address = "", bits = ""] = match ?? [];
    const family = isIP(address);
    if (family === 0 || Number(bits) > (family === 6 ? 128 : 32)) return undefined;
    return new Network(address, Number(bits));
  }

  /** False for what is no address. IPv4 in IPv6 (`::ffff:10.0.0.1`) counts as the IPv4 address. */
  contains(address: string): boolean {
    const plain = unmapped(address);
    return isIP(plain) !== 0 && this.#list.check(plain, familyOf(plain));
  }
}

function unmapped(address: string): string {
  const match = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  return match?.[1] ?? address;
}

/** `localhost`, 127.0.0.0/8 and ::1, by what is written: names are not resolved, since whoever answers could say 127.0.0.1. */
export function isLoopbackHost(host: string): boolean {
  const plain = unmapped(host.toLowerCase());
  return plain === "localhost" || plain === "::1" || (isIP(plain) === 4 && plain.startsWith("127."));
}
