import type { ContainerSummary } from "../../api/container-views.ts";

type Port = ContainerSummary["Ports"][number];

/**
 * `0.0.0.0:80->80/tcp, 9988/tcp`: ports that follow on each other and are published under their own number, or not at all,
 * are one range; the others stand behind them.
 */
export function displayPorts(ports: readonly Port[]): string {
  const groups = new Map<string, { first: number; last: number }>();
  const ranges: string[] = [];
  const mappings: string[] = [];
  for (const port of [...ports].sort(compare)) {
    const { IP, PrivatePort, PublicPort, Type } = port;
    if (IP !== undefined && IP !== "" && PublicPort !== PrivatePort) {
      mappings.push(`${hostPort(IP, String(PublicPort))}->${PrivatePort}/${Type}`);
      continue;
    }
    const key = `${IP ?? ""}/${Type}`;
    const group = groups.get(key);
    if (group !== undefined && PrivatePort === group.last + 1) group.last = PrivatePort;
    else {
      if (group !== undefined) ranges.push(rangeText(key, group));
      groups.set(key, { first: PrivatePort, last: PrivatePort });
    }
  }
  for (const [key, group] of groups) ranges.push(rangeText(key, group));
  return [...ranges, ...mappings].join(", ");
}

function compare(a: Port, b: Port): number {
  if (a.PrivatePort !== b.PrivatePort) return a.PrivatePort - b.PrivatePort;
  if (a.IP !== b.IP) return (a.IP ?? "") < (b.IP ?? "") ? -1 : 1;
  if (a.PublicPort !== b.PublicPort) return (a.PublicPort ?? 0) - (b.PublicPort ?? 0);
  return a.Type < b.Type ? -1 : 1;
}

function rangeText(key: string, { first, last }: { first: number; last: number }): string {
  const [ip = "", type = ""] = key.split("/");
  const range = first === last ? String(first) : `${first}-${last}`;
  return ip === "" ? `${range}/${type}` : `${hostPort(ip, range)}->${range}/${type}`;
}

const hostPort = (ip: string, port: string) => (ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`);
