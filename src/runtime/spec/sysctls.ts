import { EngineError } from "../../base/errors.ts";
import type { OciNamespace } from "../../oci/runtime-config.ts";

/** Those of System V IPC; with fs.mqueue.* they belong to the IPC namespace. */
const IPC_SYSCTLS = new Set(
  ["msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"].map(
    (name) => `kernel.${name}`,
  ),
);

/** Docker's own, for a network namespace that is the container's: ports below 1024 and ping need no capability there. */
const NETWORK_DEFAULTS: Readonly<Record<string, string>> = {
  "net.ipv4.ip_unprivileged_port_start": "0",
  "net.ipv4.ping_group_range": "0 2147483647",
};

/** sysctl(8) also takes `net/ipv4/conf/eth0.5/…`, where the roles of dot and slash are exchanged. */
function withDots(name: string): string {
  const first = /[./]/.exec(name)?.[0];
  if (first !== "/") return name;
  return name.replace(/[./]/g, (separator) => (separator === "." ? "/" : "."));
}

/** Path below /proc/sys of a name with dots. */
export function sysctlPath(name: string): string {
  return withDots(name).replace(/[./]/g, (separator) => (separator === "." ? "/" : "."));
}

function checkSysctl(given: string, namespaces: readonly OciNamespace[]): void {
  const name = withDots(given);
  const quoted = JSON.stringify(name);
  const has = (type: OciNamespace["type"]) => namespaces.some((namespace) => namespace.type === type);
  // A component of dots only would lead out of the part of /proc/sys that was checked.
  const plain = sysctlPath(given)
    .split("/")
    .every((part) => /^[\w@:.-]+$/.test(part) && !/^\.+$/.test(part));
  if (!plain) throw new EngineError("invalid", `sysctl ${quoted} is not a name below /proc/sys`);
  if (IPC_SYSCTLS.has(name) || name.startsWith("fs.mqueue.")) {
    if (has("ipc")) return;
    throw new EngineError("invalid", `sysctl ${quoted} is not allowed in the hosts ipc namespace`);
  }
  if (name.startsWith("net.")) {
    if (has("network")) return;
    throw new EngineError("invalid", `sysctl ${quoted} not allowed in host network namespace`);
  }
  if (has("uts") && name === "kernel.domainname") return;
  if (has("uts") && name === "kernel.hostname") {
    throw new EngineError(
      "invalid",
      `sysctl ${quoted} is not allowed as it conflicts with the OCI "hostname" field`,
    );
  }
  throw new EngineError("invalid", `sysctl ${quoted} is not in a separate kernel namespace`);
}

/**
 * Docker's defaults and the request's values over them. Throws invalid, in runc's words, for what would change the
 * host.
 */
export function sysctlsOf(
  asked: Readonly<Record<string, string>>,
  namespaces: readonly OciNamespace[],
): Record<string, string> {
  for (const name of Object.keys(asked)) checkSysctl(name, namespaces);
  const ownNetwork = namespaces.some(({ type, path }) => type === "network" && path === undefined);
  return { ...(ownNetwork ? NETWORK_DEFAULTS : {}), ...asked };
}
