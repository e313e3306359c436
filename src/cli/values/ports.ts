import { CliFailure } from "../failure.ts";
import { isIpAddress } from "./network.ts";
import { splitOnce } from "./words.ts";

export interface PublishedPorts {
  readonly exposed: Record<string, object>;
  readonly bindings: Record<string, { HostIp: string; HostPort: string }[]>;
}

const failure = (message: string) => new CliFailure(message, "hint");

/**
 * `-p [[ip:]host:]container[/protocol]`, each a port or a range, or `published=…,target=…,protocol=…`; and --expose.
 * Throws CliFailure `hint` in Docker's words.
 */
export function publishedPorts(publish: readonly string[], expose: readonly string[]): PublishedPorts {
  const exposed: Record<string, object> = {};
  const bindings: PublishedPorts["bindings"] = {};
  for (const text of publish) {
    for (const { port, HostIp, HostPort } of parsePublish(shortForm(text))) {
      exposed[port] = {};
      bindings[port] = [...(bindings[port] ?? []), { HostIp, HostPort }];
    }
  }
  for (const text of expose) {
    const [range, protocol] = splitProtocol(text);
    const ports = parseRange(range);
    if (ports === undefined) throw failure(`invalid range format for --expose: ${text}`);
    for (const port of numbersOf(ports)) exposed[`${port}/${protocol}`] = {};
  }
  return { exposed, bindings };
}

function shortForm(text: string): string {
  if (!text.includes("=")) return text;
  const fields: Record<string, string> = { protocol: "tcp" };
  for (const field of text.split(",")) {
    const [key, value, hasValue] = splitOnce(field, "=");
    if (!hasValue || key === "") {
      throw failure(`invalid publish opts format (should be name=value but got '${field}')`);
    }
    fields[key] = value;
  }
  return `${fields.published ?? ""}:${fields.target ?? ""}/${fields.protocol}`;
}

function parsePublish(text: string): { port: string; HostIp: string; HostPort: string }[] {
  const [address, protocol] = splitProtocol(text);
  const parts = address.split(":");
  const container = parts.pop() ?? "";
  const host = parts.pop() ?? "";
  const ip = parts.join(":").replace(/^\[(.*)\]$/, "$1");
  if (container === "") throw failure(`no port specified: ${text}<empty>`);
  const inside = parseRange(container);
  if (inside === undefined) throw failure(`invalid containerPort: ${container}`);
  if (ip !== "" && !isIpAddress(ip)) throw failure(`invalid IP address: ${ip}`);
  const outside = host === "" ? undefined : parseRange(host);
  if (host !== "" && outside === undefined) throw failure(`invalid hostPort: ${host}`);
  if (!["tcp", "udp", "sctp"].includes(protocol)) throw failure(`invalid proto: ${protocol}`);
  const ports = numbersOf(inside);
  // One container port may be given a range of the host's, of which the engine takes a free one.
  if (outside !== undefined && numbersOf(outside).length !== ports.length && ports.length !== 1) {
    throw failure(`invalid ranges specified for container and host Ports: ${container} and ${host}`);
  }
  return ports.map((port, index) => ({
    port: `${port}/${protocol}`,
    HostIp: ip,
    HostPort: outside === undefined ? "" : hostPort(outside, ports.length, index),
  }));
}

function hostPort([first, last]: Range, count: number, index: number): string {
  return count === 1 && first !== last ? `${first}-${last}` : String(first + index);
}

function splitProtocol(text: string): [string, string] {
  const [address, protocol] = splitOnce(text, "/");
  return [address, protocol === "" ? "tcp" : protocol.toLowerCase()];
}

type Range = readonly [first: number, last: number];

function parseRange(text: string): Range | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  return first > last || last > 65535 ? undefined : [first, last];
}

const numbersOf = ([first, last]: Range) =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);
