import { EngineError } from "../../../base/errors.ts";

const PROTOCOLS = new Set(["tcp", "udp", "sctp"]);

/** `80`, `53/udp`, `8000-8010`, `127.0.0.1:80:8080` (host parts count for nothing here) as `80/tcp`, …. Throws invalid. */
export function parseExposedPorts(spec: string): string[] {
  const [ports = "", protocol = "tcp", ...more] = spec.split("/");
  const kind = protocol === "" ? "tcp" : protocol.toLowerCase();
  if (more.length > 0 || !PROTOCOLS.has(kind)) throw new EngineError("invalid", `invalid proto: ${protocol}`);
  const container = ports.slice(ports.lastIndexOf(":") + 1);
  const range = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(container);
  const first = Number(range?.[1]);
  const last = Number(range?.[2] ?? range?.[1]);
  if (range === null || last > 65_535 || last < first) {
    throw new EngineError("invalid", `invalid containerPort: ${container}`);
  }
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${kind}`);
}
