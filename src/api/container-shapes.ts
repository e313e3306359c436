/** The shapes of what clients send to create containers and execs. */
import type {
  ContainerConfig,
  ContainerCreateRequest,
  DeviceMapping,
  ExecCreateRequest,
  ExecStartRequest,
  HealthConfig,
  HostConfig,
  LogConfig,
  MountRequest,
  NetworkingConfig,
  RestartPolicy,
  ThrottleDevice,
  Ulimit,
} from "./container-config.ts";
import {
  anyObject,
  type Fields,
  flag,
  integer,
  list,
  map,
  nullable,
  object,
  type Shape,
  size2,
  text,
  textOrList,
  word,
} from "./json-shape.ts";

type Present<T> = Exclude<T, null | undefined>;

const texts = list(text);

const healthConfig = object<HealthConfig>({
  Test: texts,
  Interval: integer,
  Timeout: integer,
  Retries: integer,
  StartPeriod: integer,
  StartInterval: integer,
});

const containerFields: Fields<ContainerConfig> = {
  Hostname: text,
  Domainname: text,
  User: text,
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  ExposedPorts: map(anyObject),
  Tty: flag,
  OpenStdin: flag,
  StdinOnce: flag,
  Env: texts,
  Cmd: textOrList,
  Healthcheck: healthConfig,
  ArgsEscaped: flag,
  Image: text,
  Volumes: map(anyObject),
  WorkingDir: text,
  Entrypoint: textOrList,
  NetworkDisabled: flag,
  MacAddress: text,
  OnBuild: texts,
  Labels: map(text),
  StopSignal: text,
  StopTimeout: integer,
  Shell: texts,
};

const throttleDevices = list(object<ThrottleDevice>({ Path: text, Rate: integer }));

const bindOptions = object<Present<MountRequest["BindOptions"]>>({
  Propagation: text,
  NonRecursive: flag,
  CreateMountpoint: flag,
  ReadOnlyNonRecursive: flag,
  ReadOnlyForceRecursive: flag,
});

const volumeOptions = object<Present<MountRequest["VolumeOptions"]>>({
  NoCopy: flag,
  Labels: map(text),
  DriverConfig: anyObject,
  Subpath: text,
});

const mountRequest = object<MountRequest>({
  Type: word<Present<MountRequest["Type"]>>(),
  Source: text,
  Target: text,
  ReadOnly: flag,
  Consistency: text,
  BindOptions: bindOptions,
  VolumeOptions: volumeOptions,
  TmpfsOptions: object<Present<MountRequest["TmpfsOptions"]>>({
    SizeBytes: integer,
    Mode: integer,
    Options: list(texts),
  }),
  ImageOptions: object<Present<MountRequest["ImageOptions"]>>({ Subpath: text }),
});

const hostConfig = object<HostConfig>({
  CpuShares: integer,
  Memory: integer,
  NanoCpus: integer,
  CgroupParent: text,
  BlkioWeight: integer,
  BlkioWeightDevice: list(object<{ Path?: string; Weight?: number }>({ Path: text, Weight: integer })),
  BlkioDeviceReadBps: throttleDevices,
  BlkioDeviceWriteBps: throttleDevices,
  BlkioDeviceReadIOps: throttleDevices,
  BlkioDeviceWriteIOps: throttleDevices,
  CpuPeriod: integer,
  CpuQuota: integer,
  CpuRealtimePeriod: integer,
  CpuRealtimeRuntime: integer,
  CpusetCpus: text,
  CpusetMems: text,
  Devices: list(object<DeviceMapping>({ PathOnHost: text, PathInContainer: text, CgroupPermissions: text })),
  DeviceCgroupRules: texts,
  DeviceRequests: list(anyObject),
  KernelMemory: integer,
  KernelMemoryTCP: integer,
  MemoryReservation: integer,
  MemorySwap: integer,
  MemorySwappiness: integer,
  OomKillDisable: flag,
  Init: flag,
  PidsLimit: integer,
  Ulimits: list(object<Ulimit>({ Name: text, Soft: integer, Hard: integer })),
  CpuCount: integer,
  CpuPercent: integer,
  IOMaximumIOps: integer,
  IOMaximumBandwidth: integer,
  Binds: texts,
  ContainerIDFile: text,
  LogConfig: object<LogConfig>({ Type: text, Config: map(text) }),
  NetworkMode: text,
  PortBindings: map(
    nullable(list(object<{ HostIp?: string; HostPort?: string }>({ HostIp: text, HostPort: text }))),
  ),
  RestartPolicy: object<RestartPolicy>({
    Name: word<Present<RestartPolicy["Name"]>>(),
    MaximumRetryCount: integer,
  }),
  AutoRemove: flag,
  VolumeDriver: text,
  VolumesFrom: texts,
  Mounts: list(mountRequest),
  ConsoleSize: size2,
  Annotations: map(text),
  CapAdd: textOrList,
  CapDrop: textOrList,
  CgroupnsMode: text,
  Dns: texts,
  DnsOptions: texts,
  DnsSearch: texts,
  ExtraHosts: texts,
  GroupAdd: texts,
  IpcMode: text,
  Cgroup: text,
  Links: texts,
  OomScoreAdj: integer,
  PidMode: text,
  Privileged: flag,
  PublishAllPorts: flag,
  ReadonlyRootfs: flag,
  SecurityOpt: texts,
  StorageOpt: map(text),
  Tmpfs: map(text),
  UTSMode: text,
  UsernsMode: text,
  ShmSize: integer,
  Sysctls: map(text),
  Runtime: text,
  Isolation: text,
  MaskedPaths: texts,
  ReadonlyPaths: texts,
});

/** Body of `POST /containers/create`. */
export const containerCreateRequest: Shape<ContainerCreateRequest> = object<ContainerCreateRequest>({
  ...containerFields,
  HostConfig: hostConfig,
  NetworkingConfig: object<NetworkingConfig>({ EndpointsConfig: map(nullable(anyObject)) }),
});

/** Body of `POST /containers/{id}/exec`. */
export const execCreateRequest: Shape<ExecCreateRequest> = object<ExecCreateRequest>({
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  ConsoleSize: size2,
  DetachKeys: text,
  Tty: flag,
  Env: texts,
  Cmd: textOrList,
  Privileged: flag,
  User: text,
  WorkingDir: text,
});

/** Body of `POST /exec/{id}/start`. */
export const execStartRequest: Shape<ExecStartRequest> = object<ExecStartRequest>({
  Detach: flag,
  Tty: flag,
  ConsoleSize: size2,
});
