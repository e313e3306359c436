import type { ContainerConfig } from "../../../api/container-config.ts";
import { EngineError } from "../../../base/errors.ts";

/**
 * What the container runs: the client's config completed with the image's, by Docker's rules (moby daemon/commit.go,
 * merge). The client's Entrypoint sets the image's Cmd aside; an Entrypoint of one empty string clears the image's.
 * Throws invalid when nothing is left to execute.
 */
export function mergeImageConfig(client: ContainerConfig, image: ContainerConfig): ContainerConfig {
  const merged: ContainerConfig = {
    ...client,
    User: client.User || (image.User ?? ""),
    ExposedPorts: { ...image.ExposedPorts, ...client.ExposedPorts },
    Env: mergeEnvironment(client.Env ?? [], image.Env ?? []),
    Labels: { ...image.Labels, ...client.Labels },
    Volumes: { ...image.Volumes, ...client.Volumes },
    WorkingDir: client.WorkingDir || (image.WorkingDir ?? ""),
    StopSignal: client.StopSignal || image.StopSignal,
    ...mergeCommand(client, image),
  };
  if (isEmpty(merged.Entrypoint) && isEmpty(merged.Cmd)) {
    throw new EngineError("invalid", "no command specified");
  }
  return merged;
}

function mergeCommand(
  client: ContainerConfig,
  image: ContainerConfig,
): { Entrypoint: string[] | null; Cmd: string[] | null } {
  const entrypoint = asList(client.Entrypoint);
  const command = asList(client.Cmd);
  if (entrypoint !== undefined && entrypoint.length > 0) {
    const cleared = entrypoint.length === 1 && entrypoint[0] === "";
    return { Entrypoint: cleared ? null : entrypoint, Cmd: command ?? null };
  }
  return {
    Entrypoint: entrypoint ?? asList(image.Entrypoint) ?? null,
    Cmd: command === undefined || command.length === 0 ? (asList(image.Cmd) ?? null) : command,
  };
}

/** The client's variables, then those of the image whose names the client did not use. */
function mergeEnvironment(client: readonly string[], image: readonly string[]): string[] {
  const taken = new Set(client.map(nameOf));
  return [...client, ...image.filter((variable) => !taken.has(nameOf(variable)))];
}

function nameOf(variable: string): string {
  return variable.split("=", 1)[0] ?? "";
}

/** An absent list and an empty one are different things to the rules above. */
function asList(value: string[] | string | null | undefined): string[] | undefined {
  if (value === null || value === undefined) return undefined;
  return typeof value === "string" ? [value] : value;
}

function isEmpty(value: string[] | string | null | undefined): boolean {
  return (asList(value) ?? []).length === 0;
}
