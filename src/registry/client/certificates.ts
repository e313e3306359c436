/** Authorities and client certificates of registries, in the layout of Docker's `/etc/docker/certs.d`. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "../../base/errors.ts";
import type { TlsSettings } from "./http-transport.ts";
import type { RegistrySettings } from "./registry-settings.ts";

interface HostFiles {
  readonly authorities: string[];
  /** Only the first counts: the runtime offers one certificate for each connection. */
  readonly pairs: { readonly certificate: string; readonly key: string }[];
}

/**
 * What to verify `host` (`name[:port]`) with, and what to show to it. Private authorities add to those of the machine.
 * Throws invalid when a certificate lacks its key or a key its certificate.
 */
export async function tlsOf(host: string, verify: boolean, settings: RegistrySettings): Promise<TlsSettings> {
  const files: HostFiles = { authorities: [], pairs: [] };
  for (const directory of settings.certificateDirectories) await readHost(join(directory, host), files);
  const [pair] = files.pairs;
  const system = await systemBundle(settings.systemCertificateFiles);
  const ca = system === undefined ? files.authorities : [system, ...files.authorities];
  return {
    // Without a bundle of the machine the runtime's own authorities count, but it takes either those or these.
    ca: ca.length === 0 ? undefined : ca,
    certificate: pair?.certificate,
    key: pair?.key,
    verify,
  };
}

async function readHost(directory: string, files: HostFiles): Promise<void> {
  const names = await readdir(directory).catch(absent);
  if (names === undefined) return;
  names.sort();
  const read = (name: string) => readFile(join(directory, name), "utf8");
  for (const name of names) {
    if (name.endsWith(".crt")) files.authorities.push(await read(name));
    if (name.endsWith(".cert")) {
      const key = name.replace(/\.cert$/, ".key");
      if (!names.includes(key)) {
        throw new EngineError(
          "invalid",
          `missing key ${key} for client certificate ${name}. CA certificates must use the extension .crt`,
        );
      }
      files.pairs.push({ certificate: await read(name), key: await read(key) });
    }
    if (name.endsWith(".key")) {
      const certificate = name.replace(/\.key$/, ".cert");
      if (!names.includes(certificate))
        throw new EngineError("invalid", `missing client certificate ${certificate} for key ${name}`);
    }
  }
}

async function systemBundle(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const bundle = await readFile(path, "utf8").catch(absent);
    if (bundle !== undefined) return bundle;
  }
  return undefined;
}

function absent(error: unknown): undefined {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOENT" || code === "ENOTDIR") return undefined;
  throw error;
}

/**
 * For an address that a registry sends its clients to (its token server, where its blobs lie): what holds for the registry
 * holds there too, as in Docker; certificates of the address itself add to it.
 */
export async function tlsOfDelegate(
  host: string,
  registry: TlsSettings,
  settings: RegistrySettings,
): Promise<TlsSettings> {
  const own = await tlsOf(host, registry.verify, settings);
  return {
    ca:
      registry.ca === undefined && own.ca === undefined
        ? undefined
        : [...new Set([...(own.ca ?? []), ...(registry.ca ?? [])])],
    certificate: own.certificate ?? registry.certificate,
    key: own.key ?? registry.key,
    verify: registry.verify,
  };
}
