import type { Logger } from "../../host/logger.ts";
import { Authorizer } from "./authorizer.ts";
import { REAL_WAITING, type Waiting } from "./backoff.ts";
import { findBlob, openBlob } from "./blobs.ts";
import { Contacts } from "./contacts.ts";
import { findManifest } from "./find-manifest.ts";
import { fetchTransport, type HttpTransport } from "./http-transport.ts";
import { login } from "./login.ts";
import { readManifest, writeManifest } from "./manifests.ts";
import type { RegistryClient } from "./registry-client.ts";
import type { RegistryHosts } from "./registry-hosts.ts";
import { Requests } from "./requests.ts";
import { HUB_INDEX, searchRegistry } from "./search.ts";
import { Sources } from "./sources.ts";
import { readTags } from "./tags.ts";
import { Tokens } from "./tokens.ts";
import { TransferSlots } from "./transfer-slots.ts";
import { pushBlob } from "./uploads.ts";
import { Wire } from "./wire.ts";

export interface RegistryClientOptions {
  /** Read at the start of every call: `hosts.replace(settings)` takes effect with the next one. */
  readonly hosts: RegistryHosts;
  readonly logger: Logger;
  /** As it is sent: `berth/1.2.3 (linux)`. */
  readonly userAgent: string;
  /** Bun's fetch unless said otherwise. */
  readonly transport?: HttpTransport;
  /** The clock, chance, and the waits between attempts. */
  readonly waiting?: Waiting;
}

/** The client of all registries; it keeps nothing that has to be closed. Limits on transfers hold for all that it does. */
export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  const { hosts, logger, waiting = REAL_WAITING } = options;
  const wire = new Wire(options.transport ?? fetchTransport, options.userAgent);
  const contacts = new Contacts(wire, waiting);
  const tokens = new Tokens(wire, waiting);
  const authorizer = new Authorizer(tokens);
  const requests = new Requests({ wire, contacts, authorizer, waiting, logger });
  const sources = new Sources({ hosts, contacts, waiting, logger });
  const downloads = new TransferSlots(hosts.settings.maxConcurrentDownloads);
  const uploads = new TransferSlots(hosts.settings.maxConcurrentUploads);
  hosts.onReplace(({ maxConcurrentDownloads, maxConcurrentUploads }) => {
    downloads.setLimit(maxConcurrentDownloads);
    uploads.setLimit(maxConcurrentUploads);
  });
  const parts = { requests, sources, downloads, uploads, tokens, waiting, logger };
  return {
    manifest: (name, reference, call) => readManifest(parts, name, reference, call),
    findManifest: (name, tag, call) => findManifest(parts, name, tag, call),
    openBlob: (name, digest, offsetBytes, call) => openBlob(parts, name, digest, offsetBytes, call),
    findBlob: (name, digest, call) => findBlob(parts, name, digest, call),
    pushBlob: (name, blob, call) => pushBlob(parts, name, blob, call),
    pushManifest: (name, reference, manifest, call) => writeManifest(parts, name, reference, manifest, call),
    tags: (name, call) => readTags(parts, name, call),
    search: (domain, term, limit, call) => {
      const hubIndex = () => contacts.reach(HUB_INDEX, hosts.settings, call.signal);
      return searchRegistry({ requests, sources, hubIndex }, domain, term, limit, call);
    },
    login: (serverAddress, call) => login(parts, serverAddress, call),
  };
}
