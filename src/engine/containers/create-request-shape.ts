/** The fields of a create request and their types on the wire (Engine API 1.50, ContainerConfig and HostConfig). */
import type { ContainerConfig, HostConfig } from "../../api/container-config.ts";

export type FieldKind =
  | "text"
  | "flag"
  | "integer"
  /** A list of strings, or one string. */
  | "command"
  /** An object that is looked at elsewhere or refused whole. */
  | "any"
  | { readonly fields: Shape }
  | { readonly listOf: FieldKind }
  | { readonly mapOf: FieldKind };
export type Shape = Readonly<Record<string, FieldKind>>;
/** Makes the compiler complain about a field of the type that the shape forgets. */
type ShapeOf<T> = { readonly [Name in keyof Required<T>]: FieldKind };

const texts: FieldKind = { listOf: "text" };
const textMap: FieldKind = { mapOf: "text" };
const set: FieldKind = { mapOf: "any" };
const throttles: FieldKind = { listOf: { fields: { Path: "text", Rate: "integer" } } };

export const CONFIG_SHAPE: ShapeOf<ContainerConfig> = {
  Hostname: "text",
  Domainname: "text",
  User: "text",
  AttachStdin: "flag",
  AttachStdout: "flag",
  AttachStderr: "flag",
  ExposedPorts: set,
  Tty: "flag",
  OpenStdin: "flag",
  StdinOnce: "flag",
  Env: texts,
  Cmd: "command",
  Healthcheck: {
    fields: {
      Test: texts,
      Interval: "integer",
      Timeout: "integer",
      Retries: "integer",
      StartPeriod: "integer",
      StartInterval: "integer",
    },
  },
  ArgsEscaped: "flag",
  Image: "text",
  Volumes: set,
  WorkingDir: "text",
  Entrypoint: "command",
  NetworkDisabled: "flag",
  MacAddress: "text",
  OnBuild: texts,
  Labels: textMap,
  StopSignal: "text",
  StopTimeout: "integer",
  Shell: texts,
};

const RESOURCES = {
  CpuShares: "integer",
  Memory: "integer",
  NanoCpus: "integer",
  CgroupParent: "text",
  BlkioWeight: "integer",
  BlkioWeightDevice: { listOf: { fields: { Path: "text", Weight: "integer" } } },
  BlkioDeviceReadBps: throttles,
  BlkioDeviceWriteBps: throttles,
  BlkioDeviceReadIOps: throttles,
  BlkioDeviceWriteIOps: throttles,
  CpuPeriod: "integer",
  CpuQuota: "integer",
  CpuRealtimePeriod: "integer",
  CpuRealtimeRuntime: "integer",
  CpusetCpus: "text",
  CpusetMems: "text",
  Devices: {
    listOf: { fields: { PathOnHost: "text", PathInContainer: "text", CgroupPermissions: "text" } },
  },
  DeviceCgroupRules: texts,
  DeviceRequests: { listOf: "any" },
  KernelMemory: "integer",
  KernelMemoryTCP: "integer",
  MemoryReservation: "integer",
  MemorySwap: "integer",
  MemorySwappiness: "integer",
  OomKillDisable: "flag",
  Init: "flag",
  PidsLimit: "integer",
  Ulimits: { listOf: { fields: { Name: "text", Soft: "integer", Hard: "integer" } } },
  CpuCount: "integer",
  CpuPercent: "integer",
  IOMaximumIOps: "integer",
  IOMaximumBandwidth: "integer",
} as const;

const MOUNT: Shape = {
  Type: "text",
  Source: "text",
  Target: "text",
  ReadOnly: "flag",
  Consistency: "text",
  BindOptions: {
    fields: {
      Propagation: "text",
      NonRecursive: "flag",
      CreateMountpoint: "flag",
      ReadOnlyNonRecursive: "flag",
      ReadOnlyForceRecursive: "flag",
    },
  },
  VolumeOptions: { fields: { NoCopy: "flag", Labels: textMap, DriverConfig: "any", Subpath: "text" } },
  TmpfsOptions: { fields: { SizeBytes: "integer", Mode: "integer", Options: { listOf: texts } } },
  ImageOptions: { fields: { Subpath: "text" } },
};

export const HOST_CONFIG_SHAPE: ShapeOf<HostConfig> = {
  ...RESOURCES,
  Binds: texts,
  ContainerIDFile: "text",
  LogConfig: { fields: { Type: "text", Config: textMap } },
  NetworkMode: "text",
  PortBindings: { mapOf: { listOf: { fields: { HostIp: "text", HostPort: "text" } } } },
  RestartPolicy: { fields: { Name: "text", MaximumRetryCount: "integer" } },
  AutoRemove: "flag",
  VolumeDriver: "text",
  VolumesFrom: texts,
  Mounts: { listOf: { fields: MOUNT } },
  ConsoleSize: { listOf: "integer" },
  Annotations: textMap,
  CapAdd: texts,
  CapDrop: texts,
  CgroupnsMode: "text",
  Dns: texts,
  DnsOptions: texts,
  DnsSearch: texts,
  ExtraHosts: texts,
  GroupAdd: texts,
  IpcMode: "text",
  Cgroup: "text",
  Links: texts,
  OomScoreAdj: "integer",
  PidMode: "text",
  Privileged: "flag",
  PublishAllPorts: "flag",
  ReadonlyRootfs: "flag",
  SecurityOpt: texts,
  StorageOpt: textMap,
  Tmpfs: textMap,
  UTSMode: "text",
  UsernsMode: "text",
  ShmSize: "integer",
  Sysctls: textMap,
  Runtime: "text",
  Isolation: "text",
  MaskedPaths: texts,
  ReadonlyPaths: texts,
};
