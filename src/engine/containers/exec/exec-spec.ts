import type { ExecCreateRequest } from "../../../api/container-config.ts";
import { parseDetachKeys } from "../../../api/detach-keys.ts";
import { EngineError } from "../../../base/errors.ts";
import type { OciRuntimeConfig } from "../../../oci/runtime-config.ts";
import type { ExecSpec } from "../../../runtime/container-runtime.ts";
import { mergeEnvironment } from "../../../runtime/spec/process.ts";
import type { ContainerRecord } from "../container-record.ts";

/** Throws invalid for what can never be started. */
export function checkExecRequest(request: ExecCreateRequest): void {
  const command = request.Cmd ?? [];
  if (command.length === 0) throw new EngineError("invalid", "No exec command specified");
  const { User: user = "", WorkingDir: directory = "" } = request;
  // execve(2) ends strings at a NUL: one inside would silently cut the rest off.
  for (const text of [...command, ...(request.Env ?? []), user, directory]) {
    if (text.includes("\0")) throw new EngineError("invalid", "the exec request contains a NUL byte");
  }
  if (directory !== "" && !directory.startsWith("/")) {
    throw new EngineError("invalid", `Cwd must be an absolute path, not ${JSON.stringify(directory)}`);
  }
  const keys = request.DetachKeys ?? "";
  if (keys === "") return;
  try {
    parseDetachKeys(keys);
  } catch (cause) {
    throw new EngineError("invalid", `Invalid escape keys (${keys}) provided`, { cause });
  }
}

/** `consoleSize`: rows and columns from the start's request, which win over the creation's. */
export function execSpec(
  record: ContainerRecord,
  container: OciRuntimeConfig,
  request: ExecCreateRequest,
  options: { readonly detached: boolean; readonly consoleSize: readonly [number, number] | undefined },
): ExecSpec {
  const { config, hostConfig } = record;
  const tty = request.Tty === true;
  const [rows, columns] = (tty ? (options.consoleSize ?? request.ConsoleSize) : undefined) ?? [0, 0];
  return {
    args: request.Cmd ?? [],
    env: mergeEnvironment(environmentFor(record, container, tty), request.Env ?? []),
    cwd: request.WorkingDir || config.WorkingDir || "/",
    user: { spec: request.User || config.User || "", additionalGroups: hostConfig.GroupAdd ?? [] },
    tty,
    rows,
    columns,
    openStdin: request.AttachStdin === true && !options.detached,
    detached: options.detached,
    privileged: request.Privileged === true,
  };
}

/** The container's, but TERM is only there by default for who has a terminal: the container may have one and the exec none. */
function environmentFor(record: ContainerRecord, container: OciRuntimeConfig, tty: boolean): string[] {
  const isTerm = (entry: string) => entry.startsWith("TERM=");
  const own = (record.config.Env ?? []).some(isTerm);
  const env = own ? container.process.env : container.process.env.filter((entry) => !isTerm(entry));
  return tty && !own ? [...env, "TERM=xterm"] : [...env];
}
