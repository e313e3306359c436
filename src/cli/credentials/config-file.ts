/** Docker's own settings file, `~/.docker/config.json`: what the docker command stored is found, and the other way round. */
import { randomBytes } from "node:crypto";
import {
  chownSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { EngineError } from "../../base/errors.ts";
import type { CallerEnvironment } from "../environment-files.ts";
import { openFailure } from "../environment-files.ts";

/** An entry of `auths`. Fields that we do not know stay in the file. */
export interface StoredAuth {
  /** base64 of `user:password`. */
  auth?: string;
  username?: string;
  password?: string;
  identitytoken?: string;
  registrytoken?: string;
  [field: string]: unknown;
}

/** The parts of the file that we read; all others are kept as they are. */
export interface DockerConfig {
  auths?: Record<string, StoredAuth>;
  credsStore?: string;
  credHelpers?: Record<string, string>;
  pruneFilters?: string[];
  [field: string]: unknown;
}

/** `$DOCKER_CONFIG/config.json`, otherwise the one in the caller's home. */
export function configPath({ DOCKER_CONFIG, HOME }: CallerEnvironment): string {
  return join(DOCKER_CONFIG || join(HOME || "/root", ".docker"), "config.json");
}

/** An empty one where there is no file. Throws invalid for a file that cannot be read or understood. */
export function readConfig(path: string): DockerConfig {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw new EngineError("invalid", `loading config file: ${openFailure(path, error)}`, { cause: error });
  }
  if (text.trim() === "") return {};
  const config = parse(path, text);
  for (const key of ["auths", "credHelpers"] as const) {
    if (config[key] !== undefined && !isRecord(config[key])) throw malformed(path, `${key} is no object`);
  }
  if (config.pruneFilters !== undefined && !Array.isArray(config.pruneFilters)) {
    throw malformed(path, "pruneFilters is no list");
  }
  return config;
}

function parse(path: string, text: string): DockerConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw malformed(path, (error as Error).message);
  }
  if (!isRecord(value)) throw malformed(path, "it is no JSON object");
  return value;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const malformed = (path: string, reason: string) =>
  new EngineError("invalid", `parsing config file (${path}): ${reason}`);

/**
 * Puts a changed file in the old one's place at once, for its owner alone: a reader sees either. A symbolic link stays and what
 * it points to is replaced.
 */
export function writeConfig(path: string, config: DockerConfig): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const target = resolved(path);
  const temporary = `${target}.${randomBytes(6).toString("hex")}`;
  try {
    const descriptor = openSync(temporary, "wx", 0o600);
    try {
      writeFileSync(descriptor, JSON.stringify(config, null, "\t"));
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    keepOwner(target, temporary);
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** Under sudo the file stays its owner's. */
function keepOwner(target: string, temporary: string): void {
  try {
    const { uid, gid } = statSync(target);
    chownSync(temporary, uid, gid);
  } catch {
    // There was none, or it is not ours to give away: then it is the caller's.
  }
}
