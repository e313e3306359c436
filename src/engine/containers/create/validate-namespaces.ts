/** Checks the modes that say which namespaces a container shares, and with whom. */
import type { ContainerConfig, HostConfig, NetworkingConfig } from "../../../api/container-config.ts";
import { EngineError } from "../../../base/errors.ts";
import { validatePort } from "./validate-config.ts";

const CONTAINER = "container:";

/** The `x` of `container:x`; undefined for every other mode. */
export function sharedContainer(mode: string | undefined): string | undefined {
  return mode?.startsWith(CONTAINER) ? mode.slice(CONTAINER.length) : undefined;
}

/** Throws invalid in Docker's words, unimplemented for networks that are not there yet. */
export function validateNamespaces(config: ContainerConfig, host: HostConfig): void {
  const { IpcMode = "", PidMode = "", UTSMode = "", UsernsMode = "", CgroupnsMode = "" } = host;
  const requireMode = (mode: string, known: readonly string[], what: string, shared: boolean) => {
    if (known.includes(mode) || (shared && sharedContainer(mode))) return;
    throw invalid(`invalid ${what} mode: ${mode}`);
  };
  requireMode(IpcMode, ["", "none", "private", "shareable", "host"], "IPC", true);
  requireMode(PidMode, ["", "host"], "PID", true);
  requireMode(UTSMode, ["", "host"], "UTS", false);
  requireMode(CgroupnsMode, ["", "private", "host"], "cgroup namespace", false);
  if (UsernsMode !== "" && UsernsMode !== "host") {
    throw new EngineError("unimplemented", "user namespaces for containers (--userns) are not available yet");
  }
  if (UTSMode === "host" && config.Hostname) throw invalid("conflicting options: hostname and the UTS mode");
  validateNetworkMode(config, host);
}

function validateNetworkMode(config: ContainerConfig, host: HostConfig): void {
  const mode = host.NetworkMode ?? "";
  const other = sharedContainer(mode);
  if (mode !== "none" && mode !== "host" && other === undefined) {
    throw new EngineError(
      "unimplemented",
      "bridge networks are not available yet: use --network none, host or container:<id>",
    );
  }
  for (const [port, bindings] of Object.entries(host.PortBindings ?? {})) {
    validatePort(port);
    for (const { HostPort = "" } of bindings ?? []) if (HostPort !== "") validateHostPort(HostPort);
  }
  if (other !== undefined) validateSharedNetwork(config, host, other);
}

function validateHostPort(port: string): void {
  const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(port);
  const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (match === null || last < first || last > 65535) throw invalid(`invalid port specification: "${port}"`);
}

/** What belongs to the network cannot be chosen again by one who joins another's. */
function validateSharedNetwork(config: ContainerConfig, host: HostConfig, other: string): void {
  if (other === "") throw invalid("invalid network mode: invalid container format container:<name|id>");
  const conflict = (condition: boolean, what: string) => {
    if (condition) throw invalid(`conflicting options: ${what}`);
  };
  conflict(Boolean(config.Hostname), "hostname and the network mode");
  conflict((host.Dns ?? []).length > 0, "dns and the network mode");
  conflict((host.ExtraHosts ?? []).length > 0, "custom host-to-IP mapping and the network mode");
  conflict(
    Object.keys(host.PortBindings ?? {}).length > 0 || host.PublishAllPorts === true,
    "port publishing and the container type network mode",
  );
  conflict(
    Object.keys(config.ExposedPorts ?? {}).length > 0,
    "port exposing and the container type network mode",
  );
}

/** Endpoints: only the one of `mode` itself, and without settings, as none and host have none. */
export function validateEndpoints(networking: NetworkingConfig, mode: string): void {
  for (const [network, settings] of Object.entries(networking.EndpointsConfig ?? {})) {
    if (settings === null) throw invalid(`invalid config for network ${network}: EndpointsConfig is nil`);
    if (network !== mode) {
      throw new EngineError(
        "unimplemented",
        `the network "${network}" cannot be joined yet: networks are not available`,
      );
    }
    const set = Object.entries(settings).find(([, value]) => isSet(value));
    if (set !== undefined) {
      throw invalid(
        `invalid config for network ${network}: ${set[0]} is supported on user defined networks only`,
      );
    }
  }
}

function isSet(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.values(value).some(isSet);
  return Boolean(value);
}

function invalid(message: string): EngineError {
  return new EngineError("invalid", message);
}
