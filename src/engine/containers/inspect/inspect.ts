import type { ContainerConfig, HostConfig } from "../../../api/container-config.ts";
import type {
  ContainerInspectView,
  ContainerStateView,
  NetworkSettingsView,
} from "../../../api/container-views.ts";
import { formatRfc3339Nano } from "../../../api/rfc3339.ts";
import type { ContainerId } from "../../../base/ids.ts";
import type { Snapshots } from "../../../store/images.ts";
import type { ContainerPaths } from "../container-files.ts";
import type { ContainerState } from "../container-record.ts";
import type { ContainersBackend } from "../container-use-cases.ts";
import { type ImageFinder, sizesOf } from "../list/list.ts";
import type { ContainerDirectory, LiveContainer } from "../live-container.ts";
import { isRunning } from "../state-machine.ts";
import { commandOf } from "./inspect-command.ts";
import { endpointsOf } from "./inspect-networks.ts";

export interface InspectDependencies {
  readonly directory: ContainerDirectory;
  readonly images: ImageFinder;
  readonly snapshots: Pick<Snapshots, "driver" | "root" | "usage">;
  readonly pathsOf: (id: ContainerId) => ContainerPaths;
}

/** `docker inspect`: every field that Docker prints, in its order. */
export function createInspect(deps: InspectDependencies): ContainersBackend["inspect"] {
  return async (ref, { size }) => {
    const live = deps.directory.get(ref);
    const { record } = live;
    const paths = deps.pathsOf(live.id);
    const { path, args } = commandOf(record.config);
    const sizes = size ? await sizesOf(record, deps.images, deps.snapshots) : undefined;
    return {
      Id: record.id,
      Created: formatRfc3339Nano(record.createdAtNs),
      Path: path,
      Args: args,
      State: stateView(record.state),
      Image: record.imageId,
      ResolvConfPath: paths.resolvConf,
      HostnamePath: paths.hostname,
      HostsPath: paths.hosts,
      LogPath: record.hostConfig.LogConfig?.Type === "none" ? "" : paths.log,
      Name: `/${record.name}`,
      RestartCount: record.restartCount,
      Driver: deps.snapshots.driver,
      Platform: "linux",
      MountLabel: "",
      ProcessLabel: "",
      AppArmorProfile: "",
      ExecIDs: execIds(live),
      HostConfig: hostConfigView(record.hostConfig),
      GraphDriver: { Name: deps.snapshots.driver, Data: await layerPaths(live, deps.snapshots) },
      ...(sizes === undefined ? {} : { SizeRw: sizes.own, SizeRootFs: sizes.all }),
      Mounts: [...record.mounts],
      Config: configView(record.config, record.imageReference),
      NetworkSettings: { ...NO_NETWORK, Networks: endpointsOf(record) },
    } satisfies ContainerInspectView;
  };
}

export function stateView(state: ContainerState): ContainerStateView {
  return {
    Status: state.status,
    Running: isRunning(state),
    Paused: state.status === "paused",
    Restarting: state.status === "restarting",
    OOMKilled: state.oomKilled,
    Dead: state.status === "dead",
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: formatRfc3339Nano(state.startedAtNs),
    FinishedAt: formatRfc3339Nano(state.finishedAtNs),
  };
}

/** Sessions that have ended can be inspected for some time, but are the container's no more. */
function execIds(live: LiveContainer): string[] | null {
  const ids = [...live.execs.values()].filter(({ status }) => status !== "exited").map(({ id }) => id);
  return ids.length === 0 ? null : ids;
}

/**
 * Where the layers are. The merged tree is mounted in the container's mount namespace only: its way in from the host is
 * the root of its first process. A snapshot that is gone (the container is being removed) has no paths.
 */
async function layerPaths(
  live: LiveContainer,
  snapshots: Pick<Snapshots, "root">,
): Promise<Record<string, string> | null> {
  const root = await snapshots.root(live.record.snapshot).catch(() => undefined);
  if (root === undefined) return null;
  const { pid } = live.record.state;
  return {
    ID: live.id,
    LowerDir: root.lowerDirs.join(":"),
    ...(pid > 0 ? { MergedDir: `/proc/${pid}/root` } : {}),
    UpperDir: root.upperDir,
    WorkDir: root.workDir,
  };
}

const NO_NETWORK: Omit<NetworkSettingsView, "Networks"> = {
  Bridge: "",
  SandboxID: "",
  SandboxKey: "",
  Ports: {},
  HairpinMode: false,
  LinkLocalIPv6Address: "",
  LinkLocalIPv6PrefixLen: 0,
  SecondaryIPAddresses: null,
  SecondaryIPv6Addresses: null,
  EndpointID: "",
  Gateway: "",
  GlobalIPv6Address: "",
  GlobalIPv6PrefixLen: 0,
  IPAddress: "",
  IPPrefixLen: 0,
  IPv6Gateway: "",
  MacAddress: "",
};

/** What Go's encoder leaves out when it is empty; clients in Go tell absent from null. */
const OMITTED_HOST_CONFIG: readonly (keyof HostConfig)[] = [
  "Annotations",
  "Init",
  "KernelMemory",
  "KernelMemoryTCP",
  "Mounts",
  "Runtime",
  "StorageOpt",
  "Sysctls",
  "Tmpfs",
];
const OMITTED_CONFIG: readonly (keyof ContainerConfig)[] = [
  "ArgsEscaped",
  "ExposedPorts",
  "Healthcheck",
  "MacAddress",
  "NetworkDisabled",
  "Shell",
  "StopSignal",
  "StopTimeout",
];

/** The record's own was filled with Docker's defaults when the container was created. */
function hostConfigView(hostConfig: HostConfig): HostConfig {
  return withoutEmpty(hostConfig, OMITTED_HOST_CONFIG);
}

const EMPTY_CONFIG: ContainerConfig = {
  Hostname: "",
  Domainname: "",
  User: "",
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: [],
  Cmd: null,
  Image: "",
  Volumes: null,
  WorkingDir: "",
  Entrypoint: null,
  OnBuild: null,
  Labels: {},
};

function configView(config: ContainerConfig, imageReference: string): ContainerConfig {
  const given = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
  const { Cmd, Entrypoint } = config;
  return withoutEmpty(
    {
      ...EMPTY_CONFIG,
      ...given,
      Cmd: typeof Cmd === "string" ? [Cmd] : (Cmd ?? null),
      Entrypoint: typeof Entrypoint === "string" ? [Entrypoint] : (Entrypoint ?? null),
      Image: imageReference,
      Labels: config.Labels ?? {},
      Env: config.Env ?? [],
    },
    OMITTED_CONFIG,
  );
}

/** `false` for a pointer (Init) is a value; for the others it is empty. */
function withoutEmpty<T extends object>(value: T, omitted: readonly (keyof T)[]): T {
  const isEmpty = (key: keyof T) => {
    const field = value[key];
    if (field === null || field === undefined || field === "" || field === 0)
      return key !== "StopTimeout" || field !== 0;
    if (field === false) return key !== "Init";
    return typeof field === "object" && Object.keys(field).length === 0;
  };
  return Object.fromEntries(
    Object.entries(value).filter(([key]) => !omitted.includes(key as keyof T) || !isEmpty(key as keyof T)),
  ) as T;
}
