import type { ContainerRecord } from "../container-record.ts";

/** One endpoint as inspect and list show it, with every key that Docker's has (api/types/network/endpoint.go). */
export type EndpointView = Readonly<Record<string, unknown>>;

const EMPTY_ENDPOINT: EndpointView = {
  IPAMConfig: null,
  Links: null,
  Aliases: null,
  MacAddress: "",
  DriverOpts: null,
  GwPriority: 0,
  NetworkID: "",
  EndpointID: "",
  Gateway: "",
  IPAddress: "",
  IPPrefixLen: 0,
  IPv6Gateway: "",
  GlobalIPv6Address: "",
  GlobalIPv6PrefixLen: 0,
  DNSNames: null,
};

/**
 * The container's networks by name. The modes `none` and `host` are networks without addresses; a container that shares
 * another's network is in none of its own.
 */
export function endpointsOf(record: ContainerRecord): Record<string, Record<string, unknown>> {
  const mode = record.hostConfig.NetworkMode ?? "";
  if (mode.startsWith("container:")) return {};
  return { [mode === "" || mode === "default" ? "bridge" : mode]: { ...EMPTY_ENDPOINT } };
}
