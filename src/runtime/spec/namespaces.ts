import { BugError, EngineError } from "../../base/errors.ts";
import type { OciNamespace } from "../../oci/runtime-config.ts";
import type { MachineFacts, SpecInput } from "../container-runtime.ts";

const CONTAINER = /^container:(.+)$/;

function joined(type: "network" | "pid" | "ipc", pid: number | undefined): OciNamespace {
  if (pid === undefined)
    throw new BugError(`the pid of the container whose ${type} namespace is shared is missing`);
  const file = type === "network" ? "net" : type;
  return { type, path: `/proc/${pid}/ns/${file}` };
}

function networkNamespace({ hostConfig, config, sharedWith }: SpecInput): OciNamespace[] {
  const mode = hostConfig.NetworkMode ?? "default";
  if (config.NetworkDisabled === true) return [{ type: "network" }];
  if (mode === "host") return [];
  return [CONTAINER.test(mode) ? joined("network", sharedWith.network) : { type: "network" }];
}

function pidNamespace({ hostConfig, sharedWith }: SpecInput): OciNamespace[] {
  const mode = hostConfig.PidMode ?? "";
  if (mode === "") return [{ type: "pid" }];
  if (mode === "host") return [];
  if (CONTAINER.test(mode)) return [joined("pid", sharedWith.pid)];
  throw new EngineError("invalid", `invalid PID mode: ${mode}`);
}

function ipcNamespace({ hostConfig, sharedWith }: SpecInput): OciNamespace[] {
  const mode = hostConfig.IpcMode ?? "";
  if (["", "none", "private", "shareable"].includes(mode)) return [{ type: "ipc" }];
  if (mode === "host") return [];
  if (CONTAINER.test(mode)) return [joined("ipc", sharedWith.ipc)];
  throw new EngineError("invalid", `invalid IPC mode: ${mode}`);
}

function utsNamespace({ hostConfig }: SpecInput): OciNamespace[] {
  const mode = hostConfig.UTSMode ?? "";
  if (mode === "") return [{ type: "uts" }];
  if (mode === "host") return [];
  throw new EngineError("invalid", `invalid UTS mode: ${mode}`);
}

/** What a container gets that asks for nothing: Docker's choice, made when v1 hosts had tools that look inside. */
export function defaultCgroupnsMode(machine: MachineFacts): "private" | "host" {
  return machine.cgroups.version === 2 ? "private" : "host";
}

function cgroupNamespace({ hostConfig }: SpecInput, machine: MachineFacts): OciNamespace[] {
  const asked = hostConfig.CgroupnsMode ?? "";
  const mode = asked === "" ? defaultCgroupnsMode(machine) : asked;
  if (mode === "private") return [{ type: "cgroup" }];
  if (mode === "host") return [];
  throw new EngineError("invalid", `invalid cgroup namespace mode: ${mode}`);
}

/** The namespaces that the container gets or joins; one that is missing here stays the host's. */
export function namespacesOf(input: SpecInput, machine: MachineFacts): OciNamespace[] {
  const users = input.hostConfig.UsernsMode ?? "";
  if (users !== "" && users !== "host")
    throw new EngineError("invalid", `invalid user namespace mode: ${users}`);
  return [
    { type: "mount" },
    ...networkNamespace(input),
    ...utsNamespace(input),
    ...pidNamespace(input),
    ...ipcNamespace(input),
    ...cgroupNamespace(input, machine),
  ];
}
