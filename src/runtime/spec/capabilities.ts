import type { HostConfig } from "../../api/container-config.ts";
import { EngineError } from "../../base/errors.ts";
import type { OciCapabilities } from "../../oci/runtime-config.ts";

/** By bit number (linux/capability.h, Linux 5.9). */
export const CAPABILITIES: readonly string[] = `
  CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
  NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
  SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
  MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`
  .trim()
  .split(/\s+/)
  .map((name) => `CAP_${name}`);

/** What Docker gives a container that asks for nothing. */
const DEFAULT_CAPABILITIES: readonly string[] = `
  CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL
  AUDIT_WRITE`
  .trim()
  .split(/\s+/)
  .map((name) => `CAP_${name}`);

const ALL = "ALL";

/** Bits of capset(2) for names; a name that this table does not know has none. */
export function capabilityMask(names: readonly string[]): bigint {
  return names.reduce((mask, name) => {
    const bit = CAPABILITIES.indexOf(name);
    return bit < 0 ? mask : mask | (1n << BigInt(bit));
  }, 0n);
}

function isAvailable(name: string, bounds: bigint): boolean {
  return (capabilityMask([name]) & bounds) !== 0n;
}

/** Upper case with its prefix, as Docker normalises both `net_admin` and `CAP_NET_ADMIN`. */
function normalize(names: readonly string[]): string[] {
  return names.map((given) => {
    const upper = given.toUpperCase();
    if (upper === ALL) return ALL;
    const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
    if (!CAPABILITIES.includes(name)) {
      throw new EngineError("invalid", `invalid capability: unknown capability: ${JSON.stringify(name)}`);
    }
    return name;
  });
}

/** Everything that this daemon can give. */
export function availableCapabilities(bounds: bigint): string[] {
  return CAPABILITIES.filter((name) => isAvailable(name, bounds));
}

/**
 * The set that `--cap-add`, `--cap-drop` and `--privileged` ask for, in the table's order. The order of the
 * options plays no part: with `ALL` added the drops are taken from it, with `ALL` dropped only the additions remain.
 * Throws invalid for an unknown name and for an addition that the daemon itself lacks.
 */
export function effectiveCapabilities(
  request: Pick<HostConfig, "CapAdd" | "CapDrop" | "Privileged">,
  bounds: bigint,
): string[] {
  const available = availableCapabilities(bounds);
  if (request.Privileged === true) return available;
  const adds = normalize(request.CapAdd ?? []);
  const drops = normalize(request.CapDrop ?? []);
  const missing = adds.find((name) => name !== ALL && !isAvailable(name, bounds));
  if (missing !== undefined) {
    throw new EngineError(
      "invalid",
      `capability not supported by your kernel or not available in the current environment: ${JSON.stringify(missing)}`,
    );
  }
  if (adds.includes(ALL)) return available.filter((name) => !drops.includes(name));
  const kept = drops.includes(ALL) ? [] : DEFAULT_CAPABILITIES.filter((name) => !drops.includes(name));
  return available.filter((name) => kept.includes(name) || adds.includes(name));
}

/**
 * Docker's five sets: nothing is inheritable (CVE-2022-24769) and nothing ambient, so that a program of another user
 * starts without any.
 */
export function capabilitySets(names: readonly string[]): OciCapabilities {
  return {
    bounding: [...names],
    effective: [...names],
    permitted: [...names],
    inheritable: [],
    ambient: [],
  };
}
