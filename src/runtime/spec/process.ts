import type { ContainerConfig } from "../../api/container-config.ts";
import { EngineError } from "../../base/errors.ts";
import type { OciProcess } from "../../oci/runtime-config.ts";
import type { MachineFacts, SpecInput } from "../container-runtime.ts";
import { capabilitySets } from "./capabilities.ts";
import { rlimitsOf } from "./rlimits.ts";

const DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const words = (value: string[] | string | null | undefined): string[] =>
  value === undefined || value === null || value === "" ? [] : typeof value === "string" ? [value] : value;

/**
 * Lays `over` on `base`: a key that is there keeps its place and gets the new value, others follow at the end, and an
 * entry without `=` removes its key (Docker's ReplaceOrAppendEnvValues).
 */
export function mergeEnvironment(base: readonly string[], over: readonly string[]): string[] {
  const keyOf = (entry: string) => entry.split("=", 1)[0] ?? entry;
  const merged = new Map(base.map((entry) => [keyOf(entry), entry]));
  for (const entry of over) {
    if (entry.includes("=")) merged.set(keyOf(entry), entry);
    else merged.delete(entry);
  }
  return [...merged.values()];
}

/** PATH, HOSTNAME and, with a terminal, TERM; then what image and user gave. */
function environmentOf(config: ContainerConfig): string[] {
  const base = [
    DEFAULT_PATH,
    `HOSTNAME=${config.Hostname ?? ""}`,
    ...(config.Tty === true ? ["TERM=xterm"] : []),
  ];
  return mergeEnvironment(base, config.Env ?? []);
}

function argumentsOf(config: ContainerConfig): string[] {
  const args = [...words(config.Entrypoint), ...words(config.Cmd)];
  if (args.length === 0) throw new EngineError("invalid", "no command specified");
  return args;
}

/** execve(2) and the kernel's files end strings at a NUL: one inside would silently cut the rest off. */
function refuseNul(values: readonly string[], what: string): void {
  if (values.some((value) => value.includes("\0")))
    throw new EngineError("invalid", `${what} contains a NUL byte`);
}

/** The container's program. The user is resolved at launch, in the container's own passwd. */
export function processOf(
  input: SpecInput,
  machine: MachineFacts,
  capabilities: readonly string[],
  noNewPrivileges: boolean,
): OciProcess {
  const { config, hostConfig } = input;
  const args = argumentsOf(config);
  const env = environmentOf(config);
  const cwd = config.WorkingDir || "/";
  refuseNul(args, "the command");
  refuseNul(env, "the environment");
  refuseNul([cwd], "the working directory");
  const [height, width] = hostConfig.ConsoleSize ?? [0, 0];
  const sized = config.Tty === true && height > 0 && width > 0;
  return {
    terminal: config.Tty === true,
    ...(sized ? { consoleSize: { height, width } } : {}),
    user: { uid: 0, gid: 0 },
    args,
    env,
    cwd,
    capabilities: capabilitySets(capabilities),
    rlimits: rlimitsOf(hostConfig.Ulimits ?? [], machine),
    noNewPrivileges,
    oomScoreAdj: hostConfig.OomScoreAdj ?? 0,
  };
}
