/** Checks the portable half of a create request (moby daemon/container.go, validateContainerConfig). */
import { posix } from "node:path";
import type { ContainerConfig, HealthConfig } from "../../../api/container-config.ts";
import { EngineError } from "../../../base/errors.ts";
import { parseSignal } from "../signals.ts";

/** HOST_NAME_MAX of linux/limits.h. */
const MOST_HOSTNAME_BYTES = 64;
/** The launch plan takes 2 MiB in all; the rest is for mounts and the seccomp filter. */
const MOST_PROGRAM_BYTES = 1_500_000;

/** What the client itself wrote. Returns it with a clean WorkingDir. Throws invalid, unimplemented. */
export function validateClientConfig(config: ContainerConfig): ContainerConfig {
  if ((config.Hostname?.length ?? 0) > MOST_HOSTNAME_BYTES) {
    throw invalid(`hostname "${config.Hostname}" is too long (maximum ${MOST_HOSTNAME_BYTES} bytes)`);
  }
  for (const [what, value] of [
    ["hostname", config.Hostname ?? ""],
    ["domainname", config.Domainname ?? ""],
  ] as const) {
    // It is written into a hosts file and shown in terminals.
    if (!/^[\x21-\x7e\u0080-\uffff]*$/.test(value)) throw invalid(`invalid ${what} "${value}"`);
  }
  if ((config.Domainname?.length ?? 0) > MOST_HOSTNAME_BYTES) {
    throw invalid(`domainname "${config.Domainname}" is too long (maximum ${MOST_HOSTNAME_BYTES} bytes)`);
  }
  for (const variable of config.Env ?? []) {
    if (variable === "" || variable.startsWith("=")) {
      throw invalid(`invalid environment variable: ${variable}`);
    }
  }
  for (const port of Object.keys(config.ExposedPorts ?? {})) validatePort(port);
  validateHealthcheck(config.Healthcheck);
  if (config.MacAddress) {
    throw new EngineError("unimplemented", "a MAC address cannot be chosen yet: networks are not available");
  }
  if (Object.keys(config.Volumes ?? {}).length > 0) {
    throw new EngineError(
      "unimplemented",
      "volumes are not available yet: bind a host path (-v /on/host:/in/container) or use --tmpfs",
    );
  }
  return config;
}

/** What is to run, client's and image's parts together: an image is no more trusted than a client. */
export function validateMergedConfig(config: ContainerConfig): ContainerConfig {
  if (config.StopSignal) parseSignal(config.StopSignal);
  let bytes = 0;
  for (const text of [...(config.Entrypoint ?? []), ...(config.Cmd ?? []), ...(config.Env ?? [])]) {
    if (text.includes("\0"))
      throw invalid("the command and the environment must not contain a NUL character");
    bytes += Buffer.byteLength(text) + 8;
  }
  if (bytes > MOST_PROGRAM_BYTES) {
    throw invalid(
      `the command and the environment take ${bytes} bytes: at most ${MOST_PROGRAM_BYTES} are possible`,
    );
  }
  if (/[\0\n]/.test(`${config.User}${config.WorkingDir}`)) {
    throw invalid("the user and the working directory must be one line of text");
  }
  return config.WorkingDir ? { ...config, WorkingDir: cleanWorkingDir(config.WorkingDir) } : config;
}

function cleanWorkingDir(path: string): string {
  if (!path.startsWith("/")) {
    throw invalid(`the working directory '${path}' is invalid, it needs to be an absolute path`);
  }
  const clean = posix.normalize(path);
  return clean.length > 1 ? clean.replace(/\/$/, "") : clean;
}

/** `80`, `80/tcp`, `8000-8010/udp`. Throws invalid. */
export function validatePort(port: string): void {
  const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(port);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (match === null || first < 1 || last < first || last > 65535) {
    throw invalid(`invalid port specification: "${port}"`);
  }
}

function validateHealthcheck(check: HealthConfig | null | undefined): void {
  if (check === null || check === undefined) return;
  const test = check.Test ?? [];
  const isEmpty = test.length === 0 && Object.values(check).every((value) => value === 0 || value === test);
  if (isEmpty || test[0] === "NONE") return;
  throw new EngineError("unimplemented", "health checks are not available yet: use --no-healthcheck");
}

function invalid(message: string): EngineError {
  return new EngineError("invalid", message);
}
