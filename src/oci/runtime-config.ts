/**
 * The part of the OCI runtime configuration (opencontainers/runtime-spec 1.2, config.md) that the engine produces.
 * Field names and units are the specification's, so that the object can be written out as a bundle's config.json.
 */
export interface OciMount {
  destination: string;
  /** `bind` is spelled as type "bind" with `rbind` or `bind` among the options. */
  type: string;
  source: string;
  options: string[];
}

export interface OciNamespace {
  type: "mount" | "pid" | "uts" | "ipc" | "network" | "cgroup" | "user";
  /** Absent: a new one. */
  path?: string;
}

export interface OciIdMapping {
  containerID: number;
  hostID: number;
  size: number;
}

export interface OciDevice {
  path: string;
  type: "c" | "b" | "p";
  major: number;
  minor: number;
  fileMode: number;
  uid: number;
  gid: number;
}

export interface OciDeviceRule {
  allow: boolean;
  type?: "a" | "c" | "b";
  major?: number;
  minor?: number;
  access?: string;
}

export interface OciResources {
  devices?: OciDeviceRule[];
  memory?: {
    limit?: number;
    reservation?: number;
    swap?: number;
    swappiness?: number;
    disableOOMKiller?: boolean;
  };
  cpu?: { shares?: number; quota?: number; period?: number; cpus?: string; mems?: string };
  pids?: { limit: number };
}

export interface OciSeccompArg {
  index: number;
  value: bigint;
  valueTwo?: bigint;
  op:
    | "SCMP_CMP_EQ"
    | "SCMP_CMP_NE"
    | "SCMP_CMP_LT"
    | "SCMP_CMP_LE"
    | "SCMP_CMP_GT"
    | "SCMP_CMP_GE"
    | "SCMP_CMP_MASKED_EQ";
}

export type OciSeccompAction =
  | "SCMP_ACT_ALLOW"
  | "SCMP_ACT_ERRNO"
  | "SCMP_ACT_KILL_PROCESS"
  | "SCMP_ACT_KILL_THREAD"
  | "SCMP_ACT_TRAP"
  | "SCMP_ACT_LOG";

export interface OciSeccompRule {
  names: string[];
  action: OciSeccompAction;
  errnoRet?: number;
  args?: OciSeccompArg[];
}

export interface OciSeccomp {
  defaultAction: OciSeccompAction;
  defaultErrnoRet?: number;
  architectures: string[];
  /** `SECCOMP_FILTER_FLAG_*`; absent: the runtime's choice. */
  flags?: string[];
  syscalls: OciSeccompRule[];
}

export interface OciCapabilities {
  bounding: string[];
  effective: string[];
  permitted: string[];
  inheritable: string[];
  ambient: string[];
}

export interface OciProcess {
  terminal: boolean;
  consoleSize?: { height: number; width: number };
  /** Names are resolved in the container's own passwd and group at launch; see LaunchSpec.user. */
  user: { uid: number; gid: number; additionalGids?: number[] };
  args: string[];
  env: string[];
  cwd: string;
  capabilities: OciCapabilities;
  rlimits: { type: string; soft: bigint; hard: bigint }[];
  noNewPrivileges: boolean;
  oomScoreAdj?: number;
}

export interface OciRuntimeConfig {
  ociVersion: string;
  hostname?: string;
  domainname?: string;
  root: { path: string; readonly: boolean };
  process: OciProcess;
  mounts: OciMount[];
  linux: {
    namespaces: OciNamespace[];
    uidMappings?: OciIdMapping[];
    gidMappings?: OciIdMapping[];
    devices: OciDevice[];
    cgroupsPath: string;
    resources: OciResources;
    seccomp?: OciSeccomp;
    sysctl: Record<string, string>;
    maskedPaths: string[];
    readonlyPaths: string[];
    rootfsPropagation?: string;
  };
  annotations?: Record<string, string>;
}
