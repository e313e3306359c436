/** `GET /info`: everything that `docker info` prints, in Docker's order (moby api/types/system/info.go). */
import type { InfoView } from "../../api/system-views.ts";
import type { ContainerState } from "../containers/container-record.ts";
import type { HostFacts } from "../containers/create/host-facts.ts";
import type { HostDescription } from "./host-description.ts";
import type { RegistryInfo } from "./registry-info.ts";

/** What the engine knows of itself. */
export interface EngineState {
  readonly id: string;
  readonly version: string;
  readonly dataRoot: string;
  readonly storageDriver: string;
  readonly storageStatus: [string, string][] | null;
  readonly imageCount: number;
  readonly registries: RegistryInfo;
  readonly containerStates: readonly ContainerState[];
  readonly eventListeners: number;
  readonly debug: boolean;
  readonly now: Date;
}

const RUNTIMES = { berth: { path: "berth-shim" } };
/** There are no such programs: the field is what Docker says of one whose version it cannot tell. */
const NO_COMMIT = { ID: "N/A", Expected: "N/A" };

export function infoView(engine: EngineState, facts: HostFacts, host: HostDescription): InfoView {
  return {
    ID: engine.id,
    ...counts(engine.containerStates),
    Images: engine.imageCount,
    Driver: engine.storageDriver,
    DriverStatus: engine.storageStatus,
    Plugins: { Volume: [], Network: ["host", "null"], Authorization: null, Log: ["json-file", "none"] },
    ...limits(facts),
    IPv4Forwarding: host.ipv4Forwarding,
    Debug: engine.debug,
    NFd: host.openFiles,
    OomKillDisable: facts.oomKillDisable,
    NGoroutines: 0,
    SystemTime: engine.now.toISOString(),
    LoggingDriver: "json-file",
    CgroupDriver: "cgroupfs",
    CgroupVersion: String(facts.cgroupVersion),
    NEventsListener: engine.eventListeners,
    KernelVersion: host.kernelVersion,
    OperatingSystem: host.operatingSystem,
    OSVersion: host.osVersion,
    OSType: "linux",
    Architecture: machineName(facts.architecture),
    IndexServerAddress: "https://index.docker.io/v1/",
    ...engine.registries,
    NCPU: facts.cpuCount,
    MemTotal: host.memoryBytes,
    GenericResources: null,
    DockerRootDir: engine.dataRoot,
    Name: host.name,
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: engine.version,
    Runtimes: RUNTIMES,
    DefaultRuntime: "berth",
    Swarm: NO_SWARM,
    LiveRestoreEnabled: true,
    Isolation: "",
    InitBinary: "berth-shim",
    ContainerdCommit: NO_COMMIT,
    RuncCommit: NO_COMMIT,
    InitCommit: NO_COMMIT,
    SecurityOptions: securityOptions(facts),
    CDISpecDirs: [],
    Warnings: warnings(facts),
  };
}

function counts(states: readonly ContainerState[]) {
  const paused = states.filter(({ status }) => status === "paused").length;
  const running = states.filter(({ status }) => status === "running" || status === "restarting").length;
  return {
    Containers: states.length,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: states.length - running - paused,
  };
}

function limits({ controllers, swapLimit }: HostFacts) {
  const cpu = controllers.has("cpu");
  return {
    MemoryLimit: controllers.has("memory"),
    SwapLimit: controllers.has("memory") && swapLimit,
    CpuCfsPeriod: cpu,
    CpuCfsQuota: cpu,
    CPUShares: cpu,
    CPUSet: controllers.has("cpuset"),
    PidsLimit: controllers.has("pids"),
  };
}

/** uname(2)'s word for what Docker elsewhere calls `amd64`. */
function machineName(architecture: string): string {
  return { amd64: "x86_64", arm64: "aarch64" }[architecture] ?? architecture;
}

/** A private cgroup namespace is the default on v2 only, as in Docker. */
function securityOptions({ cgroupVersion }: HostFacts): string[] {
  return ["name=seccomp,profile=builtin", ...(cgroupVersion === 2 ? ["name=cgroupns"] : [])];
}

/** One for each limit that a container could ask for in vain. */
function warnings(facts: HostFacts): string[] {
  const has = limits(facts);
  const lacking: readonly [boolean, string][] = [
    [has.MemoryLimit, "No memory limit support"],
    [has.SwapLimit, "No swap limit support"],
    [facts.oomKillDisable || facts.cgroupVersion === 2, "No oom kill disable support"],
    [has.CpuCfsQuota, "No cpu cfs quota support"],
    [has.CpuCfsPeriod, "No cpu cfs period support"],
    [has.CPUShares, "No cpu shares support"],
    [has.CPUSet, "No cpuset support"],
    [has.PidsLimit, "No pids limit support"],
  ];
  return lacking.filter(([supported]) => !supported).map(([, warning]) => `WARNING: ${warning}`);
}

const NO_SWARM = {
  NodeID: "",
  NodeAddr: "",
  LocalNodeState: "inactive",
  ControlAvailable: false,
  Error: "",
  RemoteManagers: null,
};
