/** Registries are configured anew while the daemon runs: on SIGHUP and when the configuration file changes. */
import { readFileSync, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { fromUnknown } from "../base/errors.ts";
import type { Logger } from "../host/logger.ts";
import type { RegistryHosts } from "../registry/client/registry-hosts.ts";
import type { RegistrySettings } from "../registry/client/registry-settings.ts";
import type { DaemonOptions } from "./daemon-options.ts";

export interface RegistryReloadParts {
  /** What the daemon was started with. */
  readonly options: DaemonOptions;
  /** Reads flags and file again; throws when they make no sense. */
  readonly read: () => DaemonOptions;
  readonly hosts: RegistryHosts;
  readonly logger: Logger;
}

export interface RegistryReload extends Disposable {
  /** What SIGHUP does. A file that cannot be used leaves everything as it is, and the log says why. */
  reload(): void;
}

/**
 * A write is several events, which are one change. Bun 1.4.5 swallows an event that comes within a millisecond of an equal one,
 * so the file is read when the last event is older than that.
 */
const SETTLE_MS = 20;

/** The file is watched by its directory, since editors and configuration systems replace it; without one there is SIGHUP. */
export function reloadRegistries(parts: RegistryReloadParts): RegistryReload {
  const { options, logger } = parts;
  let settled: NodeJS.Timeout | undefined;
  const reload = () => applyAnew(parts);
  const onChange = () => {
    clearTimeout(settled);
    settled = setTimeout(() => {
      if (!isEmpty(options.configFile)) reload();
    }, SETTLE_MS);
  };
  const watcher = watchFile(options.configFile, logger, onChange);
  process.on("SIGHUP", reload);
  return {
    reload,
    [Symbol.dispose]: () => {
      process.off("SIGHUP", reload);
      watcher?.close();
      clearTimeout(settled);
    },
  };
}

/** A file that is being written is empty first; who means it can send SIGHUP. */
function isEmpty(path: string): boolean {
  try {
    return readFileSync(path, "utf8").trim() === "";
  } catch {
    return true;
  }
}

function watchFile(path: string, logger: Logger, onChange: () => void) {
  const name = basename(path);
  try {
    const watcher = watch(dirname(path), { persistent: false }, (_event, changed) => {
      if (changed === null || changed === name) onChange();
    });
    watcher.on("error", (error) => {
      logger.warn("the configuration file is not watched any longer: use SIGHUP", {
        path,
        error: error.message,
      });
      watcher.close();
    });
    return watcher;
  } catch (error) {
    logger.debug("the configuration file is not watched", { path, error: fromUnknown(error).message });
    return undefined;
  }
}

function applyAnew({ options, read, hosts, logger }: RegistryReloadParts): void {
  let next: DaemonOptions;
  try {
    next = read();
  } catch (error) {
    logger.error("the configuration cannot be reloaded: everything stays as it was", {
      error: fromUnknown(error).message,
    });
    return;
  }
  const waiting = (Object.keys(next) as (keyof DaemonOptions)[]).filter(
    (key) => key !== "registries" && JSON.stringify(next[key]) !== JSON.stringify(options[key]),
  );
  if (waiting.length > 0)
    logger.warn("some of the new configuration needs a restart of the daemon", {
      options: waiting.join(", "),
    });
  if (textOf(next.registries) === textOf(hosts.settings)) return;
  hosts.replace(next.registries);
  logger.info("registries are configured anew", {
    registries: [...next.registries.registries.keys()].join(", "),
    insecure: next.registries.insecureRegistries.join(", "),
  });
}

function textOf(settings: RegistrySettings): string {
  return JSON.stringify({ ...settings, registries: [...settings.registries] });
}
