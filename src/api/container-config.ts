/**
 * What a client sends to create a container (Engine API 1.50, definitions ContainerConfig and HostConfig).
 * Every field is optional and may be null on the wire: Go clients send null for empty maps and lists.
 */
type Nullable<T> = T | null;

export interface HealthConfig {
  Test?: Nullable<string[]>;
  /** Nanoseconds, as all durations of this object. */
  Interval?: number;
  Timeout?: number;
  Retries?: number;
  StartPeriod?: number;
  StartInterval?: number;
}

/** The portable half: what could also stand in an image. */
export interface ContainerConfig {
  Hostname?: string;
  Domainname?: string;
  User?: string;
  AttachStdin?: boolean;
  AttachStdout?: boolean;
  AttachStderr?: boolean;
  ExposedPorts?: Nullable<Record<string, object>>;
  Tty?: boolean;
  OpenStdin?: boolean;
  StdinOnce?: boolean;
  Env?: Nullable<string[]>;
  Cmd?: Nullable<string[] | string>;
  Healthcheck?: Nullable<HealthConfig>;
  ArgsEscaped?: boolean;
  Image?: string;
  Volumes?: Nullable<Record<string, object>>;
  WorkingDir?: string;
  Entrypoint?: Nullable<string[] | string>;
  NetworkDisabled?: boolean;
  MacAddress?: string;
  OnBuild?: Nullable<string[]>;
  Labels?: Nullable<Record<string, string>>;
  StopSignal?: string;
  /** Seconds. */
  StopTimeout?: Nullable<number>;
  Shell?: Nullable<string[]>;
}

export interface DeviceMapping {
  PathOnHost?: string;
  PathInContainer?: string;
  CgroupPermissions?: string;
}

export interface Ulimit {
  Name?: string;
  Soft?: number;
  Hard?: number;
}

export interface RestartPolicy {
  Name?: "" | "no" | "always" | "unless-stopped" | "on-failure";
  MaximumRetryCount?: number;
}

export interface LogConfig {
  Type?: string;
  Config?: Nullable<Record<string, string>>;
}

export interface MountRequest {
  Type?: "bind" | "volume" | "tmpfs" | "image" | "npipe" | "cluster";
  Source?: string;
  Target?: string;
  ReadOnly?: boolean;
  Consistency?: string;
  BindOptions?: {
    Propagation?: string;
    NonRecursive?: boolean;
    CreateMountpoint?: boolean;
    ReadOnlyNonRecursive?: boolean;
    ReadOnlyForceRecursive?: boolean;
  };
  VolumeOptions?: {
    NoCopy?: boolean;
    Labels?: Record<string, string>;
    DriverConfig?: object;
    Subpath?: string;
  };
  TmpfsOptions?: { SizeBytes?: number; Mode?: number; Options?: string[][] };
  ImageOptions?: { Subpath?: string };
}

export interface ThrottleDevice {
  Path?: string;
  Rate?: number;
}

/** The half that depends on this machine. */
export interface HostConfig {
  // Resources
  CpuShares?: number;
  Memory?: number;
  NanoCpus?: number;
  CgroupParent?: string;
  BlkioWeight?: number;
  BlkioWeightDevice?: Nullable<{ Path?: string; Weight?: number }[]>;
  BlkioDeviceReadBps?: Nullable<ThrottleDevice[]>;
  BlkioDeviceWriteBps?: Nullable<ThrottleDevice[]>;
  BlkioDeviceReadIOps?: Nullable<ThrottleDevice[]>;
  BlkioDeviceWriteIOps?: Nullable<ThrottleDevice[]>;
  CpuPeriod?: number;
  CpuQuota?: number;
  CpuRealtimePeriod?: number;
  CpuRealtimeRuntime?: number;
  CpusetCpus?: string;
  CpusetMems?: string;
  Devices?: Nullable<DeviceMapping[]>;
  DeviceCgroupRules?: Nullable<string[]>;
  DeviceRequests?: Nullable<object[]>;
  KernelMemory?: number;
  KernelMemoryTCP?: number;
  MemoryReservation?: number;
  MemorySwap?: number;
  MemorySwappiness?: Nullable<number>;
  OomKillDisable?: Nullable<boolean>;
  Init?: Nullable<boolean>;
  PidsLimit?: Nullable<number>;
  Ulimits?: Nullable<Ulimit[]>;
  CpuCount?: number;
  CpuPercent?: number;
  IOMaximumIOps?: number;
  IOMaximumBandwidth?: number;
  // Everything else
  Binds?: Nullable<string[]>;
  ContainerIDFile?: string;
  LogConfig?: Nullable<LogConfig>;
  NetworkMode?: string;
  PortBindings?: Nullable<Record<string, Nullable<{ HostIp?: string; HostPort?: string }[]>>>;
  RestartPolicy?: Nullable<RestartPolicy>;
  AutoRemove?: boolean;
  VolumeDriver?: string;
  VolumesFrom?: Nullable<string[]>;
  Mounts?: Nullable<MountRequest[]>;
  /** Rows, then columns. */
  ConsoleSize?: Nullable<[number, number]>;
  Annotations?: Nullable<Record<string, string>>;
  CapAdd?: Nullable<string[]>;
  CapDrop?: Nullable<string[]>;
  CgroupnsMode?: string;
  Dns?: Nullable<string[]>;
  DnsOptions?: Nullable<string[]>;
  DnsSearch?: Nullable<string[]>;
  ExtraHosts?: Nullable<string[]>;
  GroupAdd?: Nullable<string[]>;
  IpcMode?: string;
  Cgroup?: string;
  Links?: Nullable<string[]>;
  OomScoreAdj?: number;
  PidMode?: string;
  Privileged?: boolean;
  PublishAllPorts?: boolean;
  ReadonlyRootfs?: boolean;
  SecurityOpt?: Nullable<string[]>;
  StorageOpt?: Nullable<Record<string, string>>;
  Tmpfs?: Nullable<Record<string, string>>;
  UTSMode?: string;
  UsernsMode?: string;
  /** Bytes. */
  ShmSize?: number;
  Sysctls?: Nullable<Record<string, string>>;
  Runtime?: string;
  Isolation?: string;
  MaskedPaths?: Nullable<string[]>;
  ReadonlyPaths?: Nullable<string[]>;
}

export interface NetworkingConfig {
  EndpointsConfig?: Nullable<Record<string, Nullable<Record<string, unknown>>>>;
}

export interface ContainerCreateRequest extends ContainerConfig {
  HostConfig?: Nullable<HostConfig>;
  NetworkingConfig?: Nullable<NetworkingConfig>;
}

export interface ContainerCreateResponse {
  Id: string;
  Warnings: string[];
}

/** Body of `POST /containers/{id}/exec`. */
export interface ExecCreateRequest {
  AttachStdin?: boolean;
  AttachStdout?: boolean;
  AttachStderr?: boolean;
  ConsoleSize?: Nullable<[number, number]>;
  DetachKeys?: string;
  Tty?: boolean;
  Env?: Nullable<string[]>;
  Cmd?: Nullable<string[]>;
  Privileged?: boolean;
  User?: string;
  WorkingDir?: string;
}

/** Body of `POST /exec/{id}/start`. */
export interface ExecStartRequest {
  Detach?: boolean;
  Tty?: boolean;
  ConsoleSize?: Nullable<[number, number]>;
}
