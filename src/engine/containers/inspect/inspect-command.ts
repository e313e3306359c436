import type { ContainerConfig } from "../../../api/container-config.ts";

/** The program and its arguments: the entrypoint's first word, the rest of it, then the command. */
export function commandOf(config: ContainerConfig): { readonly path: string; readonly args: string[] } {
  const [path = "", ...args] = [...words(config.Entrypoint), ...words(config.Cmd)];
  return { path, args };
}

/** One string is one word: only the shell form of a Dockerfile is split, and that has happened by then. */
function words(value: string[] | string | null | undefined): readonly string[] {
  if (value === null || value === undefined) return [];
  return typeof value === "string" ? [value] : value;
}
