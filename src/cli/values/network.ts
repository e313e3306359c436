import { ValueError } from "../failure.ts";
import { splitFields, splitOnce } from "./words.ts";

/** One `--network`: a name, or `name=x,alias=y,ip=…`. */
export interface NetworkAttachment {
  target: string;
  aliases: string[];
  driverOptions: Record<string, string>;
  ip?: string;
  ip6?: string;
  linkLocalIps: string[];
  macAddress?: string;
  gatewayPriority?: number;
}

export function parseNetwork(text: string): NetworkAttachment {
  const attachment: NetworkAttachment = { target: text, aliases: [], driverOptions: {}, linkLocalIps: [] };
  if (!/\w+=\w+/.test(text)) return attachment;
  attachment.target = "";
  for (const field of splitFields(text)) setField(attachment, field);
  if (attachment.target === "") throw new ValueError("network name/id is not specified");
  return attachment;
}

function setField(attachment: NetworkAttachment, field: string): void {
  const [rawKey, rawValue, hasValue] = splitOnce(field.toLowerCase(), "=");
  const key = rawKey.trim();
  const value = rawValue.trim();
  if (!hasValue || key === "") throw new ValueError(`invalid field ${field}`);
  if (key === "name") attachment.target = value;
  else if (key === "alias") attachment.aliases.push(value);
  else if (key === "ip") attachment.ip = value;
  else if (key === "ip6") attachment.ip6 = value;
  else if (key === "mac-address") attachment.macAddress = value;
  else if (key === "link-local-ip") attachment.linkLocalIps.push(value);
  else if (key === "driver-opt") {
    const [name, option, complete] = splitOnce(value, "=");
    if (!complete || name === "") throw new ValueError("invalid key value pair format in driver options");
    attachment.driverOptions[name] = option;
  } else if (key === "gw-priority") {
    if (!/^[+-]?\d+$/.test(value)) throw new ValueError(`invalid gw-priority (${value}): invalid syntax`);
    attachment.gatewayPriority = Number(value);
  } else throw new ValueError(`invalid field key ${key}`);
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;

export function isIpAddress(text: string): boolean {
  if (IPV4.test(text)) return true;
  // The URL parser knows every form of an IPv6 address, and a zone is none.
  return /^[0-9a-fA-F:.]+$/.test(text) && text.includes(":") && URL.canParse(`http://[${text}]/`);
}

/** For --dns: the address as it was given. */
export function checkIpAddress(text: string): string {
  if (!isIpAddress(text.trim())) throw new ValueError(`IP address is not correctly formatted: ${text}`);
  return text.trim();
}

/** `name:ip` and `name=ip`, the address perhaps in brackets → `name:ip`; the word `host-gateway` is an address here. */
export function checkExtraHost(text: string): string {
  const [first, second, hasValue] = splitOnce(text, text.includes("=") ? "=" : ":");
  if (!hasValue || first === "" || first.includes(":")) {
    throw new ValueError(`bad format for add-host: ${JSON.stringify(text)}`);
  }
  const address = second.replace(/^\[(.+)\]$/, "$1");
  if (address !== "host-gateway" && !isIpAddress(address)) {
    throw new ValueError(`invalid IP address in add-host: ${JSON.stringify(address)}`);
  }
  return `${first}:${address}`;
}

export function checkDnsSearch(text: string): string {
  const name = text.trim();
  if (name === ".") return name;
  if (name.length <= 255 && /^(?:[a-zA-Z0-9_](?:[a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?\.?)+$/.test(name)) {
    return name.replace(/\.$/, "");
  }
  throw new ValueError(`${text} is not a valid domain`);
}

/** `container`, `container:alias`. */
export function checkLink(text: string): string {
  if (text === "") throw new ValueError("empty string specified for links");
  if (text.split(":").length > 2) throw new ValueError(`bad format for links: ${text}`);
  return text;
}
