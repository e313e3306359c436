import type { ConfigDifference } from "../../api/storage-views.ts";
import type { ImageConfig } from "../../store/images.ts";

/** What differs between two configurations: lists of KEY=value and maps by key, all else whole. Sorted by path. */
export function configDifferences(from: ImageConfig, to: ImageConfig): ConfigDifference[] {
  const [before, after] = [flatten(from), flatten(to)];
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((path) => JSON.stringify(before.get(path)) !== JSON.stringify(after.get(path)))
    .sort()
    .map((path) => ({
      Path: path,
      ...(before.has(path) ? { From: before.get(path) } : {}),
      ...(after.has(path) ? { To: after.get(path) } : {}),
    }));
}

/** Layers and history are for the other views; when and with what an image was made says nothing about it. */
const TOP_FIELDS = [
  ["Architecture", "architecture"],
  ["Variant", "variant"],
  ["Os", "os"],
  ["Author", "author"],
] as const;

function flatten(config: ImageConfig): Map<string, unknown> {
  const flat = new Map<string, unknown>();
  for (const [name, key] of TOP_FIELDS) if (config[key] !== undefined) flat.set(name, config[key]);
  for (const [key, value] of Object.entries(config.config ?? {})) {
    if (value === null || value === undefined || value === "") continue;
    if (key === "Env" && Array.isArray(value)) {
      for (const line of value) {
        const [name = "", ...rest] = String(line).split("=");
        flat.set(`Env.${name}`, rest.join("="));
      }
    } else if (typeof value === "object" && !Array.isArray(value) && key !== "Healthcheck") {
      for (const [name, item] of Object.entries(value)) flat.set(`${key}.${name}`, item);
    } else {
      flat.set(key, value);
    }
  }
  return flat;
}
