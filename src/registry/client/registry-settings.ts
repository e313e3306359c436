/** What a registry client is configured with: plain data, made by `main` from daemon.json, flags and the environment. */

/** One entry of the `registries` table: what holds for one registry, or for all others under `*`. */
export interface RegistryEntry {
  /** `https://mirror.example[:port][/path]` or `http://…`, in the order in which they are asked. Pulls only. */
  readonly mirrors: readonly string[];
  /** HTTPS without verification, then plain HTTP. */
  readonly insecure: boolean;
}

export interface ProxySettings {
  /** For `http://` addresses; `http://[user:password@]host:port`. */
  readonly http?: string | undefined;
  /** For `https://` addresses. */
  readonly https?: string | undefined;
  /** Comma-separated names, suffixes, addresses, CIDRs, each with an optional port; `*` for all. */
  readonly noProxy?: string | undefined;
}

export interface RegistrySettings {
  /** By registry (`docker.io`, `ghcr.io`, `host:5000`); `*` is for those that have no entry of their own. */
  readonly registries: ReadonlyMap<string, RegistryEntry>;
  /** Names, `host:port` and CIDRs, as Docker's `insecure-registries`. Loopback is always insecure. */
  readonly insecureRegistries: readonly string[];
  readonly proxies: ProxySettings;
  /** Directories that hold `<host[:port]>/{*.crt,*.cert,*.key}`; later ones add to earlier ones. */
  readonly certificateDirectories: readonly string[];
  /** PEM bundles of the authorities that this machine trusts: the first that can be read counts. */
  readonly systemCertificateFiles: readonly string[];
  /** Blob downloads at one moment, over all registries. */
  readonly maxConcurrentDownloads: number;
  readonly maxConcurrentUploads: number;
  /** How often one request is tried before its failure is reported. */
  readonly maxDownloadAttempts: number;
  /** A transfer without a byte for so long has failed. */
  readonly stallTimeoutMs: number;
}

/** Docker's defaults. The bundles are where Debian, Fedora, openSUSE and Alpine keep theirs. */
export const DEFAULT_REGISTRY_SETTINGS: RegistrySettings = {
  registries: new Map(),
  insecureRegistries: [],
  proxies: {},
  certificateDirectories: ["/etc/docker/certs.d", "/etc/berth/certs.d"],
  systemCertificateFiles: [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
  ],
  maxConcurrentDownloads: 3,
  maxConcurrentUploads: 5,
  maxDownloadAttempts: 5,
  stallTimeoutMs: 60_000,
};
