import type { ProxySettings, RegistrySettings } from "../../registry/client/registry-settings.ts";

/** What `GET /info` tells of registries and proxies. */
export interface RegistryInfo {
  readonly RegistryConfig: object;
  readonly HttpProxy: string;
  readonly HttpsProxy: string;
  readonly NoProxy: string;
}

const HUB = "docker.io";
/** Insecure whatever the configuration says, as in Docker. */
const LOOPBACK = ["::1/128", "127.0.0.0/8"];

/** As Docker's `RegistryConfig`: networks apart from names, each insecure name and the Hub with an entry. */
export function registryInfo({ registries, insecureRegistries, proxies }: RegistrySettings): RegistryInfo {
  const networks = insecureRegistries.filter((entry) => entry.includes("/"));
  const insecure = new Set([
    ...insecureRegistries.filter((entry) => !entry.includes("/")),
    ...[...registries].flatMap(([name, entry]) => (entry.insecure && name !== "*" ? [name] : [])),
  ]);
  const mirrorsOf = (name: string) => registries.get(name)?.mirrors ?? [];
  const entries = [...new Set([HUB, ...insecure])].map((name) => [
    name,
    { Name: name, Mirrors: mirrorsOf(name), Secure: !insecure.has(name), Official: name === HUB },
  ]);
  return {
    RegistryConfig: {
      AllowNondistributableArtifactsCIDRs: null,
      AllowNondistributableArtifactsHostnames: null,
      InsecureRegistryCIDRs: [...LOOPBACK, ...networks],
      IndexConfigs: Object.fromEntries(entries),
      Mirrors: mirrorsOf(HUB),
    },
    ...proxyInfo(proxies),
  };
}

function proxyInfo({ http = "", https = "", noProxy = "" }: ProxySettings) {
  return { HttpProxy: masked(http), HttpsProxy: masked(https), NoProxy: noProxy };
}

/** User and password of a proxy are nobody's business who may read the info. */
function masked(proxy: string): string {
  if (!URL.canParse(proxy)) return proxy;
  const url = new URL(proxy);
  if (url.username === "" && url.password === "") return proxy;
  url.username = "xxxxx";
  url.password = "xxxxx";
  return url.href;
}
