/** A client whose clock stands still, whose waits are over at once, and for which any name can mean a server on loopback. */
import type { Logger } from "../../../host/logger.ts";
import type { Waiting } from "../backoff.ts";
import { createRegistryClient } from "../create-registry-client.ts";
import { fetchTransport, type HttpTransport } from "../http-transport.ts";
import type { RegistryCall, RegistryClient, RegistryCredentials } from "../registry-client.ts";
import { RegistryHosts } from "../registry-hosts.ts";
import { DEFAULT_REGISTRY_SETTINGS, type RegistrySettings } from "../registry-settings.ts";

export const SILENT: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export interface TestClient {
  readonly client: RegistryClient;
  readonly hosts: RegistryHosts;
  readonly waits: number[];
  /** What is `now` for the client. */
  readonly clock: { now: number };
}

/** `routes`: `https://registry.example` → `http://127.0.0.1:port`. What has no route goes where it says. */
export function testClient(
  settings: Partial<RegistrySettings> = {},
  routes: Readonly<Record<string, string>> = {},
): TestClient {
  const waits: number[] = [];
  const clock = { now: 1_000_000 };
  const waiting: Waiting = {
    now: () => clock.now,
    random: () => 1,
    sleep: async (delayMs) => {
      waits.push(delayMs);
    },
  };
  const hosts = new RegistryHosts({
    ...DEFAULT_REGISTRY_SETTINGS,
    certificateDirectories: [],
    systemCertificateFiles: [],
    ...settings,
  });
  const client = createRegistryClient({
    hosts,
    logger: SILENT,
    userAgent: "test",
    waiting,
    transport: routed(routes),
  });
  return { client, hosts, waits, clock };
}

function routed(routes: Readonly<Record<string, string>>): HttpTransport {
  return (request) => {
    const route = routes[request.url.origin];
    if (route === undefined) return fetchTransport(request);
    const url = new URL(request.url.pathname + request.url.search, route);
    const headers = { ...request.headers, "X-Asked-Origin": request.url.origin };
    return fetchTransport({ ...request, url, headers });
  };
}

export function callWith(
  credentials?: RegistryCredentials,
  signal = new AbortController().signal,
): RegistryCall {
  return { credentials, signal };
}

export async function collect(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}
