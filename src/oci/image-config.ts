import type { ContainerConfig, HealthConfig } from "../api/container-config.ts";
import { isDigest } from "./digest.ts";
import { type JsonObject, JsonShape } from "./json-shape.ts";

/** Docker's own limit is the registry's manifest size; a config has no reason to be larger. */
export const MAX_IMAGE_CONFIG_BYTES = 4 << 20;
/** Docker's: overlay mounts take no more. */
export const MAX_LAYERS = 125;
const MAX_HISTORY = 4096;
const MAX_ITEMS = 4096;

/** An image's config blob (OCI image-spec config.md, Docker image spec 1.2), as far as the engine reads it. */
export interface ImageConfig {
  architecture: string;
  variant?: string;
  os: string;
  created?: string;
  author?: string;
  comment?: string;
  docker_version?: string;
  container_config?: ContainerConfig;
  config?: ContainerConfig | null;
  rootfs: { type: "layers"; diff_ids: string[] };
  history?: {
    created?: string;
    created_by?: string;
    author?: string;
    comment?: string;
    empty_layer?: boolean;
  }[];
}

/**
 * Reads an image's config blob (OCI image-spec config.md and Docker's additions: Healthcheck, OnBuild, Shell, …).
 * Unknown fields are left out; the blob itself stays what it is, and with it the image's id.
 * Throws invalid for a document of another shape, for more than MAX_LAYERS layers ("max depth exceeded") and for a
 * history that names more layers than there are.
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const shape = new JsonShape("invalid image config");
  const document = shape.object(shape.parse(bytes, MAX_IMAGE_CONFIG_BYTES), "the document");
  const diffIds = readDiffIds(shape, document.rootfs);
  const history = readHistory(shape, document.history);
  if (
    history !== undefined &&
    history.filter((entry) => entry.empty_layer !== true).length > diffIds.length
  ) {
    shape.fail("the history names more layers than rootfs.diff_ids");
  }
  const text = (key: string) => shape.optionalText(document[key], key);
  const config = document.config;
  return dropUndefined({
    architecture: text("architecture") ?? "",
    variant: text("variant"),
    os: text("os") ?? "linux",
    created: readTime(shape, document.created, "created"),
    author: text("author"),
    comment: text("comment"),
    docker_version: text("docker_version"),
    config: config === undefined || config === null ? undefined : readContainerConfig(shape, config),
    rootfs: { type: "layers" as const, diff_ids: diffIds },
    history,
  });
}

function readDiffIds(shape: JsonShape, value: unknown): string[] {
  if (value === undefined || value === null) return shape.fail("rootfs is missing");
  const rootfs = shape.object(value, "rootfs");
  if (rootfs.type !== "layers") shape.fail('rootfs.type is not "layers"');
  const ids = rootfs.diff_ids ?? [];
  if (Array.isArray(ids) && ids.length > MAX_LAYERS) shape.fail("max depth exceeded");
  return shape.list(ids, "rootfs.diff_ids", MAX_LAYERS).map((item, index) => {
    const id = shape.text(item, `rootfs.diff_ids[${index}]`);
    if (!id.startsWith("sha256:") || !isDigest(id))
      shape.fail(`rootfs.diff_ids[${index}] is not a sha256 digest`);
    return id;
  });
}

function readHistory(shape: JsonShape, value: unknown): ImageConfig["history"] {
  if (value === undefined || value === null) return undefined;
  return shape.list(value, "history", MAX_HISTORY).map((item, index) => {
    const at = `history[${index}]`;
    const entry = shape.object(item, at);
    return dropUndefined({
      created: readTime(shape, entry.created, `${at}.created`),
      created_by: shape.optionalText(entry.created_by, `${at}.created_by`),
      author: shape.optionalText(entry.author, `${at}.author`),
      comment: shape.optionalText(entry.comment, `${at}.comment`),
      empty_layer: shape.optionalFlag(entry.empty_layer, `${at}.empty_layer`),
    });
  });
}

function readTime(shape: JsonShape, value: unknown, at: string): string | undefined {
  const time = shape.optionalText(value, at);
  if (time !== undefined && Number.isNaN(Date.parse(time))) shape.fail(`${at} is not an RFC 3339 time`);
  return time;
}

/** Cmd and Entrypoint are lists in images; very old ones hold a string, which Docker reads as one element. */
function readWords(shape: JsonShape, value: unknown, at: string): string[] | undefined {
  if (typeof value === "string") return [shape.text(value, at)];
  return shape.optionalTexts(value, at, MAX_ITEMS);
}

function readContainerConfig(shape: JsonShape, value: unknown): ContainerConfig {
  const config = shape.object(value, "config");
  const text = (key: string) => shape.optionalText(config[key], `config.${key}`);
  return dropUndefined({
    Hostname: text("Hostname"),
    Domainname: text("Domainname"),
    User: text("User"),
    ExposedPorts: shape.optionalSet(config.ExposedPorts, "config.ExposedPorts", MAX_ITEMS),
    Tty: shape.optionalFlag(config.Tty, "config.Tty"),
    OpenStdin: shape.optionalFlag(config.OpenStdin, "config.OpenStdin"),
    StdinOnce: shape.optionalFlag(config.StdinOnce, "config.StdinOnce"),
    Env: shape.optionalTexts(config.Env, "config.Env", MAX_ITEMS),
    Cmd: readWords(shape, config.Cmd, "config.Cmd"),
    Healthcheck: readHealthcheck(shape, config.Healthcheck),
    ArgsEscaped: shape.optionalFlag(config.ArgsEscaped, "config.ArgsEscaped"),
    Volumes: shape.optionalSet(config.Volumes, "config.Volumes", MAX_ITEMS),
    WorkingDir: text("WorkingDir"),
    Entrypoint: readWords(shape, config.Entrypoint, "config.Entrypoint"),
    OnBuild: shape.optionalTexts(config.OnBuild, "config.OnBuild", MAX_ITEMS),
    Labels: shape.optionalTextMap(config.Labels, "config.Labels", MAX_ITEMS),
    StopSignal: text("StopSignal"),
    StopTimeout: shape.optionalInteger(config.StopTimeout, "config.StopTimeout"),
    Shell: shape.optionalTexts(config.Shell, "config.Shell", MAX_ITEMS),
  });
}

function readHealthcheck(shape: JsonShape, value: unknown): HealthConfig | undefined {
  if (value === undefined || value === null) return undefined;
  const check: JsonObject = shape.object(value, "config.Healthcheck");
  const number = (key: string) => shape.optionalInteger(check[key], `config.Healthcheck.${key}`);
  return dropUndefined({
    Test: shape.optionalTexts(check.Test, "config.Healthcheck.Test", MAX_ITEMS),
    Interval: number("Interval"),
    Timeout: number("Timeout"),
    Retries: number("Retries"),
    StartPeriod: number("StartPeriod"),
    StartInterval: number("StartInterval"),
  });
}

function dropUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;
}
