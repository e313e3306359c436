import type { InfoView } from "../../api/system-views.ts";

/** What `info` prints of the engine, in Docker's order. */
export function serverInfo(view: InfoView): string {
  return [
    ...counts(view),
    ...drivers(view),
    ...runtimes(view),
    ...machine(view),
    ...settings(view),
    line(1, "Live Restore Enabled", view.LiveRestoreEnabled),
    "",
  ].join("\n");
}

const line = (indent: number, name: string, value: unknown) => `${" ".repeat(indent)}${name}: ${value ?? ""}`;
/** Left out where there is nothing to say. */
const some = (indent: number, name: string, value: unknown) =>
  value === "" || value === undefined || value === null ? [] : [line(indent, name, value)];

const words = (list: unknown) => (Array.isArray(list) ? list.join(" ") : "");
const texts = (list: unknown): readonly string[] => (Array.isArray(list) ? list.map(String) : []);
const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

function counts(view: InfoView): string[] {
  return [
    line(1, "Containers", view.Containers),
    line(2, "Running", view.ContainersRunning),
    line(2, "Paused", view.ContainersPaused),
    line(2, "Stopped", view.ContainersStopped),
    line(1, "Images", view.Images),
    ...some(1, "Server Version", view.ServerVersion),
  ];
}

function drivers(view: InfoView): string[] {
  const { Authorization, Log, Network, Volume } = view.Plugins;
  const devices = texts(view.CDISpecDirs);
  return [
    ...some(1, "Storage Driver", view.Driver),
    ...(view.DriverStatus ?? []).map(([name, value]) => line(2, name, value)),
    ...some(1, "Logging Driver", view.LoggingDriver),
    ...some(1, "Cgroup Driver", view.CgroupDriver),
    ...some(1, "Cgroup Version", view.CgroupVersion),
    " Plugins:",
    line(2, "Volume", words(Volume)),
    line(2, "Network", words(Network)),
    ...(Authorization === null || Authorization.length === 0
      ? []
      : [line(2, "Authorization", words(Authorization))]),
    line(2, "Log", words(Log)),
    ...(devices.length === 0 ? [] : [" CDI spec directories:", ...devices.map((path) => `  ${path}`)]),
    line(1, "Swarm", record(view.Swarm).LocalNodeState),
  ];
}

function runtimes(view: InfoView): string[] {
  const names = Object.keys(record(view.Runtimes));
  const security = texts(view.SecurityOptions).flatMap(securityLines);
  return [
    ...(names.length === 0
      ? []
      : [line(1, "Runtimes", names.join(" ")), line(1, "Default Runtime", view.DefaultRuntime)]),
    line(1, "Init Binary", view.InitBinary),
    line(1, "containerd version", record(view.ContainerdCommit).ID),
    line(1, "runc version", record(view.RuncCommit).ID),
    line(1, "init version", record(view.InitCommit).ID),
    ...(security.length === 0 ? [] : [" Security Options:", ...security]),
  ];
}

/** `name=seccomp,profile=builtin` → two lines. */
function securityLines(option: string): string[] {
  const fields = option.split(",").map((field) => field.split("=", 2) as [string, string?]);
  const [, name = option] = fields.find(([key]) => key === "name") ?? [];
  const profiles = fields.filter(([key]) => key === "profile");
  return [`  ${name}`, ...profiles.map(([, profile = ""]) => `   Profile: ${profile}`)];
}

function machine(view: InfoView): string[] {
  return [
    ...some(1, "Kernel Version", view.KernelVersion),
    ...some(1, "Operating System", view.OperatingSystem),
    ...some(1, "OSType", view.OSType),
    ...some(1, "Architecture", view.Architecture),
    line(1, "CPUs", view.NCPU),
    line(1, "Total Memory", binarySize(Number(view.MemTotal ?? 0))),
    ...some(1, "Name", view.Name),
    ...some(1, "ID", view.ID),
    line(1, "Docker Root Dir", view.DockerRootDir),
    line(1, "Debug Mode", view.Debug),
    ...(view.Debug === true
      ? [
          line(2, "File Descriptors", view.NFd),
          line(2, "Goroutines", view.NGoroutines),
          line(2, "System Time", view.SystemTime),
          line(2, "EventsListeners", view.NEventsListener),
        ]
      : []),
  ];
}

function settings(view: InfoView): string[] {
  const labels = texts(view.Labels);
  const registry = record(view.RegistryConfig);
  const indexes = Object.values(record(registry.IndexConfigs)).map(record);
  const insecure = [
    ...indexes.filter(({ Secure }) => Secure !== true).map(({ Name }) => String(Name)),
    ...texts(registry.InsecureRegistryCIDRs),
  ];
  const mirrors = texts(registry.Mirrors);
  const list = (title: string, items: readonly string[]) => [
    ` ${title}:`,
    ...items.map((item) => `  ${item}`),
  ];
  const known = indexes.length > 0 || insecure.length > 0;
  return [
    ...some(1, "HTTP Proxy", view.HttpProxy),
    ...some(1, "HTTPS Proxy", view.HttpsProxy),
    ...some(1, "No Proxy", view.NoProxy),
    ...(labels.length === 0 ? [] : list("Labels", labels)),
    line(1, "Experimental", view.ExperimentalBuild),
    ...(known ? list("Insecure Registries", insecure) : []),
    ...(mirrors.length === 0 ? [] : list("Registry Mirrors", mirrors)),
  ];
}

/** Binary units with four digits, as Docker's BytesSize: `23.54GiB`. */
function binarySize(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${Number(size.toPrecision(4))}${units[unit]}`;
}
