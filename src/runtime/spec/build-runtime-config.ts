import { EngineError } from "../../base/errors.ts";
import type { OciRuntimeConfig } from "../../oci/runtime-config.ts";
import type { MachineFacts, SpecInput } from "../container-runtime.ts";
import { effectiveCapabilities } from "./capabilities.ts";
import { deviceRulesOf, devicesOf } from "./devices.ts";
import { mountsOf } from "./mounts.ts";
import { namespacesOf } from "./namespaces.ts";
import { restrictedPaths } from "./paths.ts";
import { processOf } from "./process.ts";
import { resourcesOf } from "./resources.ts";
import { seccompOf, securityOptions } from "./security-options.ts";
import { sysctlsOf } from "./sysctls.ts";

const OCI_VERSION = "1.2.0";
export const DEFAULT_CGROUP_PARENT = "/berth";

/** `--cgroup-parent` and the id below it, from the root of every hierarchy. */
export function cgroupsPathOf(parent: string | undefined, id: string): string {
  const parts = (parent || DEFAULT_CGROUP_PARENT).split("/").filter((part) => part !== "" && part !== ".");
  if (parts.some((part) => part === ".." || part.includes("\0"))) {
    throw new EngineError(
      "invalid",
      `invalid cgroup parent ${JSON.stringify(parent)}: it must not contain ..`,
    );
  }
  return `/${[...parts, id].join("/")}`;
}

/**
 * Docker's container configuration as an OCI one. Pure: all that has to be looked up is in the arguments. Throws
 * invalid for what Docker refuses and unimplemented for what is missing here; nothing that was asked is left out
 * in silence.
 */
export function buildRuntimeConfig(input: SpecInput, machine: MachineFacts): OciRuntimeConfig {
  const { id, config, hostConfig } = input;
  const capabilities = effectiveCapabilities(hostConfig, machine.capabilityBounds);
  const security = securityOptions(hostConfig.SecurityOpt ?? [], machine);
  const seccomp = seccompOf(input, machine, capabilities, security);
  const namespaces = namespacesOf(input, machine);
  const ownUts = namespaces.some(({ type }) => type === "uts");
  const shared = input.mounts.some((mount) => mount.type === "bind" && /^r?shared$/.test(mount.propagation));
  return {
    ociVersion: OCI_VERSION,
    ...(ownUts && config.Hostname ? { hostname: config.Hostname } : {}),
    ...(ownUts && config.Domainname ? { domainname: config.Domainname } : {}),
    // Relative to the bundle; the overlay of LaunchSpec.root is mounted there.
    root: { path: "rootfs", readonly: hostConfig.ReadonlyRootfs === true },
    process: processOf(input, machine, capabilities, security.noNewPrivileges),
    mounts: mountsOf(input),
    linux: {
      namespaces,
      devices: devicesOf(input),
      cgroupsPath: cgroupsPathOf(hostConfig.CgroupParent, id),
      resources: resourcesOf(hostConfig, deviceRulesOf(input)),
      ...(seccomp === undefined ? {} : { seccomp }),
      sysctl: sysctlsOf(hostConfig.Sysctls ?? {}, namespaces),
      ...restrictedPaths(input, machine),
      rootfsPropagation: shared ? "shared" : "rslave",
    },
    ...(hostConfig.Annotations ? { annotations: hostConfig.Annotations } : {}),
  };
}
