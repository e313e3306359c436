import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { EngineError } from "../base/errors.ts";
import type { LogLevel } from "../host/logger.ts";
import type { RegistrySettings } from "../registry/client/registry-settings.ts";
import { parseStorageDriver, type StorageDriver } from "../store/snapshots/snapshot-driver-names.ts";
import {
  proxyKeysOf,
  type RegistryEnvironment,
  registrySettingsOf,
  withoutPassword,
} from "./registry-options.ts";

/** Everything that can be said to `berth daemon`, from flags and the configuration file together. */
export interface DaemonOptions {
  /** `unix:///path` or `tcp://host:port`. */
  readonly hosts: readonly string[];
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly pidfile: string | undefined;
  /** Undefined: `docker` where that group exists, else `berth`, else root's. */
  readonly group: string | undefined;
  readonly logLevel: LogLevel;
  readonly logFormat: "text" | "json";
  /** Undefined: the one that the data root was used with, overlay2 for a new one. */
  readonly storageDriver: StorageDriver | undefined;
  /** Read again from this file while the daemon runs. */
  readonly configFile: string;
  readonly registries: RegistrySettings;
  /** What one layer may unpack to; undefined: berth-kernel's own limits. */
  readonly maxLayerBytes?: number | undefined;
  readonly maxLayerFiles?: number | undefined;
}

const DEFAULT_CONFIG_FILE = "/etc/berth/daemon.json";

/**
 * Docker's key in daemon.json → what it holds. Flags have the same names, those of lists without their plural. The proxies have an
 * object of their own in the file.
 */
const KEYS = {
  hosts: "list",
  "data-root": "text",
  "exec-root": "text",
  pidfile: "text",
  group: "text",
  debug: "flag",
  "log-level": "text",
  "log-format": "text",
  "storage-driver": "text",
  "registry-mirrors": "list",
  "insecure-registries": "list",
  registries: "object",
  "http-proxy": "text",
  "https-proxy": "text",
  "no-proxy": "text",
  "max-concurrent-downloads": "count",
  "max-concurrent-uploads": "count",
  "max-download-attempts": "count",
  /** Berth's own: seconds. */
  "transfer-stall-timeout": "count",
  /** Berth's own: what one layer may unpack to, in MiB, and of how many files. */
  "max-layer-size": "count",
  "max-layer-files": "count",
} as const;
type Key = keyof typeof KEYS;

const LEVELS = ["debug", "info", "warn", "error", "fatal"] as const;

/** Keys of Docker's daemon.json that change nothing here: berth always behaves this way. */
const ALREADY_SO: Readonly<Record<string, unknown>> = { "live-restore": true, "userland-proxy": false };

/** Keys that Docker has and this engine does not have yet: refused by name rather than silently ignored. */
const NOT_YET = new Set(
  (
    "allow-nondistributable-artifacts api-cors-header authorization-plugins bip bridge builder cgroup-parent containerd " +
    "containerd-namespace cri-containerd data-root-quota default-address-pools default-cgroupns-mode default-gateway " +
    "default-gateway-v6 default-ipc-mode default-network-opts default-runtime default-shm-size default-ulimits dns dns-opts " +
    "dns-search exec-opts experimental features firewall-backend fixed-cidr fixed-cidr-v6 host-gateway-ip icc init init-path " +
    "ip ip-forward ip-masq ip6tables iptables ipv6 labels live-restore log-driver log-opts " +
    "metrics-addr mtu no-new-privileges node-generic-resources " +
    "oom-score-adjust raw-logs rootless runtimes seccomp-profile selinux-enabled shutdown-timeout " +
    "storage-opts swarm-default-advertise-addr tls tlscacert tlscert tlskey tlsverify userland-proxy " +
    "userland-proxy-path userns-remap"
  ).split(" "),
);

/** In the file they are below `proxies`. */
const FLAGS_ONLY = new Set(["http-proxy", "https-proxy", "no-proxy"]);

type Value = string | string[] | boolean | number | object;
type Given = Partial<Record<Key, Value>>;

const KINDS = {
  text: "a string",
  list: "a list of strings",
  flag: "true or false",
  count: "a whole number",
  object: "an object",
} as const;

/**
 * Reads the arguments after `berth daemon`, and the configuration file they name. Throws invalid with one sentence.
 * Sources: dockerd's reference page for names, defaults and the rule that a key may not be in both places.
 */
export function parseDaemonOptions(
  args: readonly string[],
  environment: RegistryEnvironment = {},
): DaemonOptions {
  const { values } = parseFlags(args);
  const flags: Given = {
    hosts: values.host,
    "data-root": values["data-root"],
    "exec-root": values["exec-root"],
    pidfile: values.pidfile,
    group: values.group,
    debug: values.debug,
    "log-level": values["log-level"],
    "log-format": values["log-format"],
    "storage-driver": values["storage-driver"],
    "registry-mirrors": values["registry-mirror"],
    "insecure-registries": values["insecure-registry"],
    "http-proxy": values["http-proxy"],
    "https-proxy": values["https-proxy"],
    "no-proxy": values["no-proxy"],
    "max-concurrent-downloads": countFlag(values, "max-concurrent-downloads"),
    "max-concurrent-uploads": countFlag(values, "max-concurrent-uploads"),
    "max-download-attempts": countFlag(values, "max-download-attempts"),
    "transfer-stall-timeout": countFlag(values, "transfer-stall-timeout"),
    "max-layer-size": countFlag(values, "max-layer-size"),
    "max-layer-files": countFlag(values, "max-layer-files"),
  };
  const file = readConfigFile(values["config-file"]);
  refuseDoubles(flags, file);
  const given = { ...file, ...definedOnly(flags) };
  const text = (key: Key, fallback: string) => (typeof given[key] === "string" ? given[key] : fallback);
  return {
    hosts:
      Array.isArray(given.hosts) && given.hosts.length > 0 ? given.hosts : ["unix:///run/berth/berth.sock"],
    dataRoot: absolute("data-root", text("data-root", "/var/lib/berth")),
    execRoot: absolute("exec-root", text("exec-root", "/run/berth")),
    pidfile: typeof given.pidfile === "string" ? given.pidfile : undefined,
    group: typeof given.group === "string" ? given.group : undefined,
    logLevel: given.debug === true ? "debug" : oneOf("log-level", text("log-level", "info"), LEVELS),
    logFormat: oneOf("log-format", text("log-format", "text"), ["text", "json"]),
    configFile: values["config-file"] ?? DEFAULT_CONFIG_FILE,
    registries: registrySettingsOf(given, environment),
    maxLayerBytes: layerLimit(given, "max-layer-size", 1 << 20),
    maxLayerFiles: layerLimit(given, "max-layer-files", 1),
    storageDriver:
      typeof given["storage-driver"] === "string" ? parseStorageDriver(given["storage-driver"]) : undefined,
  };
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: false,
      options: {
        host: { type: "string", short: "H", multiple: true },
        "data-root": { type: "string" },
        "exec-root": { type: "string" },
        pidfile: { type: "string", short: "p" },
        "config-file": { type: "string" },
        group: { type: "string", short: "G" },
        debug: { type: "boolean", short: "D" },
        "log-level": { type: "string", short: "l" },
        "log-format": { type: "string" },
        "registry-mirror": { type: "string", multiple: true },
        "insecure-registry": { type: "string", multiple: true },
        "http-proxy": { type: "string" },
        "https-proxy": { type: "string" },
        "no-proxy": { type: "string" },
        "max-concurrent-downloads": { type: "string" },
        "max-concurrent-uploads": { type: "string" },
        "max-download-attempts": { type: "string" },
        "transfer-stall-timeout": { type: "string" },
        "max-layer-size": { type: "string" },
        "max-layer-files": { type: "string" },
        "storage-driver": { type: "string", short: "s" },
      },
    });
  } catch (error) {
    throw new EngineError("invalid", error instanceof Error ? error.message : String(error));
  }
}

/** Docker takes 0 for "the default" and refuses what is below. */
function countFlag(values: Readonly<Record<string, unknown>>, key: Key): number | undefined {
  const text = values[key];
  if (typeof text !== "string" || text === "0") return undefined;
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new EngineError("invalid", `invalid ${key.replaceAll("-", " ")}: ${text}`);
}

/** 0 stands for the default, as for Docker's counts. */
function layerLimit(given: Given, key: Key, unit: number): number | undefined {
  const value = given[key] ?? 0;
  if (typeof value !== "number" || value < 0)
    throw new EngineError("invalid", `invalid ${key.replaceAll("-", " ")}: ${String(value)}`);
  return value === 0 ? undefined : value * unit;
}

/** A file that was named must exist; the default one may be absent. */
function readConfigFile(named: string | undefined): Given {
  const path = named ?? DEFAULT_CONFIG_FILE;
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (named === undefined && (error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw new EngineError(
      "invalid",
      `unable to configure the daemon with file ${path}: ${(error as Error).message}`,
    );
  }
  return checkConfig(path, parseJson(path, text));
}

function parseJson(path: string, text: string): Record<string, unknown> {
  try {
    const value: unknown = text.trim() === "" ? {} : JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
    throw new Error("it is not a JSON object");
  } catch (error) {
    throw new EngineError(
      "invalid",
      `unable to configure the daemon with file ${path}: ${(error as Error).message}`,
    );
  }
}

function checkConfig(path: string, config: Record<string, unknown>): Given {
  const given: Given = {};
  const unknown: string[] = [];
  const { proxies, ...others } = config;
  if (proxies !== undefined) Object.assign(given, proxyKeysOf(path, proxies));
  for (const [key, value] of Object.entries(others)) {
    if (FLAGS_ONLY.has(key)) unknown.push(key);
    else if (key in KEYS) given[key as Key] = checkValue(path, key as Key, value);
    else if (key in ALREADY_SO && ALREADY_SO[key] === value) continue;
    else if (NOT_YET.has(key))
      throw new EngineError("invalid", `${path}: "${key}" is not available in berth yet: remove it`);
    else unknown.push(key);
  }
  if (unknown.length > 0) {
    const list = unknown.join(", ");
    throw new EngineError(
      "invalid",
      `unable to configure the daemon with file ${path}: the following directives don't match any configuration option: ${list}`,
    );
  }
  return given;
}

function checkValue(path: string, key: Key, value: unknown): Value {
  const kind = KEYS[key];
  if (kind === "text" && typeof value === "string") return value;
  if (kind === "flag" && typeof value === "boolean") return value;
  if (kind === "list" && Array.isArray(value) && value.every((entry) => typeof entry === "string"))
    return value;
  if (kind === "object" && typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  if (kind === "count" && typeof value === "number" && Number.isSafeInteger(value)) {
    if (value < 0) throw new EngineError("invalid", `invalid ${key.replaceAll("-", " ")}: ${value}`);
    return value;
  }
  throw new EngineError("invalid", `${path}: "${key}" must be ${KINDS[kind]}`);
}

function refuseDoubles(flags: Given, file: Given): void {
  const doubles = Object.keys(definedOnly(flags)).filter((key) => key in file) as Key[];
  if (doubles.length === 0) return;
  const list = doubles
    .map((key) => `${key}: (from flag: ${show(flags[key])}, from file: ${show(file[key])})`)
    .join(", ");
  throw new EngineError(
    "invalid",
    `the following directives are specified both as a flag and in the configuration file: ${list}`,
  );
}

const show = (value: Value | undefined) =>
  Array.isArray(value) ? `[${value.join(" ")}]` : withoutPassword(String(value));

function definedOnly(given: Given): Given {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function absolute(key: Key, path: string): string {
  if (!path.startsWith("/"))
    throw new EngineError("invalid", `${key} must be an absolute path, not ${JSON.stringify(path)}`);
  return path.replace(/\/+$/, "") || "/";
}

function oneOf<const T extends string>(key: Key, value: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) {
    throw new EngineError(
      "invalid",
      `invalid ${key}: ${JSON.stringify(value)} is none of ${allowed.join(", ")}`,
    );
  }
  return found;
}
