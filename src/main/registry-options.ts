/** What daemon.json, flags and the environment say about registries. */
import { EngineError } from "../base/errors.ts";
import {
  checkProxy,
  parseInsecureRegistry,
  parseMirror,
  parseRegistryName,
} from "../registry/client/registry-addresses.ts";
import {
  DEFAULT_REGISTRY_SETTINGS,
  type ProxySettings,
  type RegistryEntry,
  type RegistrySettings,
} from "../registry/client/registry-settings.ts";

/** The variables that count; the upper-case ones first, as in Go. */
const VARIABLES = [
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "SSL_CERT_FILE",
] as const;
export type RegistryEnvironment = Partial<Readonly<Record<(typeof VARIABLES)[number], string>>>;

/**
 * Takes the proxies out of the environment: the runtime's fetch would apply them by rules of its own, and to hosts that the
 * configuration excepts.
 */
export function takeRegistryEnvironment(environment: NodeJS.ProcessEnv): RegistryEnvironment {
  const taken: Partial<Record<(typeof VARIABLES)[number], string>> = {};
  for (const name of VARIABLES) {
    const value = environment[name];
    if (value === undefined) continue;
    taken[name] = value;
    if (name !== "SSL_CERT_FILE") delete environment[name];
  }
  return taken;
}

const PROXY_KEYS = ["http-proxy", "https-proxy", "no-proxy"] as const;
type ProxyKey = (typeof PROXY_KEYS)[number];

/** The `proxies` object of daemon.json. Throws invalid. */
export function proxyKeysOf(path: string, value: unknown): Partial<Record<ProxyKey, string>> {
  const object = objectOf(value, `${path}: "proxies"`, PROXY_KEYS);
  for (const [key, text] of Object.entries(object))
    if (typeof text !== "string") throw invalid(`${path}: "proxies.${key}" must be a string`);
  return object as Partial<Record<ProxyKey, string>>;
}

interface GivenRegistryOptions {
  readonly "registry-mirrors"?: unknown;
  readonly "insecure-registries"?: unknown;
  readonly registries?: unknown;
  readonly "http-proxy"?: unknown;
  readonly "https-proxy"?: unknown;
  readonly "no-proxy"?: unknown;
  readonly "max-concurrent-downloads"?: unknown;
  readonly "max-concurrent-uploads"?: unknown;
  readonly "max-download-attempts"?: unknown;
  readonly "transfer-stall-timeout"?: unknown;
}

/** Kinds of values have been checked; this checks what they say. Throws invalid. */
export function registrySettingsOf(
  given: GivenRegistryOptions,
  environment: RegistryEnvironment,
): RegistrySettings {
  const defaults = DEFAULT_REGISTRY_SETTINGS;
  const count = (key: keyof GivenRegistryOptions, fallback: number) => {
    const value = given[key];
    return typeof value === "number" && value > 0 ? value : fallback;
  };
  return {
    ...defaults,
    registries: withHubMirrors(
      tableOf(given.registries),
      textsOf(given["registry-mirrors"]).map(parseMirror),
    ),
    insecureRegistries: textsOf(given["insecure-registries"]).map(parseInsecureRegistry),
    proxies: proxiesOf(given, environment),
    systemCertificateFiles:
      environment.SSL_CERT_FILE === undefined ? defaults.systemCertificateFiles : [environment.SSL_CERT_FILE],
    maxConcurrentDownloads: count("max-concurrent-downloads", defaults.maxConcurrentDownloads),
    maxConcurrentUploads: count("max-concurrent-uploads", defaults.maxConcurrentUploads),
    maxDownloadAttempts: count("max-download-attempts", defaults.maxDownloadAttempts),
    stallTimeoutMs: count("transfer-stall-timeout", defaults.stallTimeoutMs / 1000) * 1000,
  };
}

function tableOf(value: unknown): Map<string, RegistryEntry> {
  const table = new Map<string, RegistryEntry>();
  for (const [name, item] of Object.entries((value ?? {}) as object)) {
    const at = `"registries" for ${JSON.stringify(name)}`;
    const { mirrors = [], insecure = false } = objectOf(item, at, ["mirrors", "insecure"]);
    if (!Array.isArray(mirrors) || !mirrors.every((mirror) => typeof mirror === "string"))
      throw invalid(`${at}: "mirrors" must be a list of strings`);
    if (typeof insecure !== "boolean") throw invalid(`${at}: "insecure" must be true or false`);
    table.set(parseRegistryName(name), { mirrors: [...new Set(mirrors.map(parseMirror))], insecure });
  }
  return table;
}

/** `registry-mirrors` is Docker's table for the one registry that it has mirrors for; they come after those of the table. */
function withHubMirrors(
  table: Map<string, RegistryEntry>,
  mirrors: readonly string[],
): Map<string, RegistryEntry> {
  if (mirrors.length === 0) return table;
  const own = table.get("docker.io") ?? { mirrors: [], insecure: table.get("*")?.insecure ?? false };
  return table.set("docker.io", { ...own, mirrors: [...new Set([...own.mirrors, ...mirrors])] });
}

function proxiesOf(given: GivenRegistryOptions, environment: RegistryEnvironment): ProxySettings {
  const choose = (key: ProxyKey, upper: string | undefined, lower: string | undefined) => {
    const own = given[key];
    const value = typeof own === "string" ? own : (upper ?? lower);
    if (value === undefined || value === "") return undefined;
    return key === "no-proxy" ? value : checkProxy(key, value);
  };
  return {
    http: choose("http-proxy", environment.HTTP_PROXY, environment.http_proxy),
    https: choose("https-proxy", environment.HTTPS_PROXY, environment.https_proxy),
    noProxy: choose("no-proxy", environment.NO_PROXY, environment.no_proxy),
  };
}

/** `http://user:secret@proxy` as it may be printed. */
export function withoutPassword(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)?[^/@\s]*@/i, "$1xxxxx:xxxxx@");
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function objectOf(value: unknown, at: string, keys: readonly string[]): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid(`${at} must be an object`);
  const unknown = Object.keys(value).filter((key) => !keys.includes(key));
  if (unknown.length > 0) throw invalid(`${at} has unknown keys: ${unknown.join(", ")}`);
  return value as Record<string, unknown>;
}

function invalid(message: string): EngineError {
  return new EngineError("invalid", message);
}
