import type { HostConfig } from "../../../api/container-config.ts";
import { EngineError } from "../../../base/errors.ts";

/** By number: linux/capability.h, 0 to 40. */
const CAPABILITIES = (
  "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE " +
  "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN " +
  "SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE " +
  "MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
).split(" ");

/** Spells CapAdd and CapDrop as `CAP_NET_ADMIN` or `ALL`. Throws invalid for names the kernel or this daemon does not have. */
export function normalizeCapabilities(
  host: HostConfig,
  bounds: bigint,
): Pick<HostConfig, "CapAdd" | "CapDrop"> {
  return {
    CapAdd: host.CapAdd?.map((name) => normalize(name, bounds, "CapAdd")) ?? null,
    // What is not there can be dropped: only the name has to be one.
    CapDrop: host.CapDrop?.map((name) => normalize(name, undefined, "CapDrop")) ?? null,
  };
}

function normalize(name: string, bounds: bigint | undefined, field: string): string {
  const bare = name.toUpperCase().replace(/^CAP_/, "");
  if (bare === "ALL") return bare;
  const number = CAPABILITIES.indexOf(bare);
  if (number < 0) throw new EngineError("invalid", `invalid ${field}: unknown capability: "CAP_${bare}"`);
  if (bounds !== undefined && (bounds & (1n << BigInt(number))) === 0n) {
    throw new EngineError(
      "invalid",
      `invalid ${field}: capability not supported by your kernel or not available in the current environment: "CAP_${bare}"`,
    );
  }
  return `CAP_${bare}`;
}
