/**
 * Blobs, on their way to a registry (distribution-spec, "Pushing a blob in chunks", "Mounting a blob from another repository"):
 * one PATCH that streams everything and a PUT that gives it its name, as Docker does; after a failure a PATCH that
 * continues where the registry says it is.
 */
import { type EngineError, fromUnknown } from "../../base/errors.ts";
import type { Logger } from "../../host/logger.ts";
import type { ImageName } from "../../oci/reference.ts";
import { repositoryScope } from "./authorizer.ts";
import { backoffMs, type Waiting } from "./backoff.ts";
import { findBlob } from "./blobs.ts";
import type { Contact } from "./contacts.ts";
import type { BlobToPush, PushedBlob, RegistryCall } from "./registry-client.ts";
import type { Requests } from "./requests.ts";
import type { Sources } from "./sources.ts";
import type { TransferSlots } from "./transfer-slots.ts";
import { UploadSession } from "./upload-session.ts";
import { UploadSource } from "./upload-source.ts";

/** Each one that fails costs a round trip; Docker stops at about as many. */
const MAX_MOUNT_ATTEMPTS = 8;

interface Parts {
  readonly requests: Requests;
  readonly sources: Sources;
  readonly uploads: TransferSlots;
  readonly waiting: Waiting;
  readonly logger: Logger;
}

export async function pushBlob(
  parts: Parts,
  name: ImageName,
  blob: BlobToPush,
  call: RegistryCall,
): Promise<PushedBlob> {
  const contact = await parts.sources.origin(name.domain, call);
  const session = new UploadSession(parts.requests, contact, name.path, call);
  if (blob.known !== undefined) {
    const { known } = blob;
    const size = await findBlob(parts, name, known.digest, call, session.scopes);
    if (size !== undefined) return { ...known, how: "exists" };
    for (const from of blob.mountFrom.slice(0, MAX_MOUNT_ATTEMPTS)) {
      if (from !== name.path && (await tryMount(parts, session, known.digest, from)))
        return { ...known, how: { mountedFrom: from } };
    }
  }
  const slot = await parts.uploads.acquire(call.signal);
  try {
    return await send(parts, session, contact, name, blob, call);
  } finally {
    slot.release();
  }
}

/** A mount is a shortcut: that it does not work is no error. */
async function tryMount(
  parts: Parts,
  session: UploadSession,
  digest: string,
  from: string,
): Promise<boolean> {
  try {
    return await session.mount(digest, from, repositoryScope(from, "pull"));
  } catch (error) {
    const failure = fromUnknown(error);
    if (failure.kind === "canceled") throw failure;
    parts.logger.debug("a blob could not be mounted", { digest, from, error: failure.message });
    return false;
  }
}

async function send(
  parts: Parts,
  session: UploadSession,
  contact: Contact,
  name: ImageName,
  blob: BlobToPush,
  call: RegistryCall,
): Promise<PushedBlob> {
  const source = new UploadSource(blob);
  let offsetBytes = 0;
  for (let failures = 0; ; ) {
    try {
      if (!session.isOpen) await session.begin();
      if (offsetBytes === 0 || offsetBytes !== source.sizeBytes) await session.append(source, offsetBytes);
      await session.commit(source.digest);
      return done(source);
    } catch (error) {
      if (source.failure !== undefined) throw source.failure.error;
      const failure = fromUnknown(error);
      if (!isPassing(failure) || ++failures >= contact.settings.maxDownloadAttempts) throw failure;
      parts.logger.debug("an upload goes on after a failure", { error: failure.message, failures });
      await parts.waiting.sleep(backoffMs(failures, parts.waiting.random()), call.signal);
      if (session.isCommitting && (await wasStored(parts, name, source, session, call))) return done(source);
      const reached = (await session.reachedBytes()) ?? 0;
      if (reached > offsetBytes) failures = 0;
      offsetBytes = reached;
    }
  }
}

function done(source: UploadSource): PushedBlob {
  return { digest: source.digest, sizeBytes: source.sizeBytes ?? 0, how: "uploaded" };
}

/** The answer was lost; the deed may have been done. */
async function wasStored(
  parts: Parts,
  name: ImageName,
  source: UploadSource,
  session: UploadSession,
  call: RegistryCall,
): Promise<boolean> {
  return (await findBlob(parts, name, source.digest, call, session.scopes)) !== undefined;
}

/** A broken connection, an overloaded registry, a token that ran out, or an upload that the registry lost track of. */
function isPassing({ kind, details }: EngineError): boolean {
  if (kind === "unavailable") return details.settled !== true || details.code === "ECONNREFUSED";
  if (kind === "exhausted") return true;
  // Where there is no password to begin with, none will come.
  if (kind === "unauthenticated") return details.status === 401;
  return details.status === 416 || (details.status === 404 && details.code === "BLOB_UPLOAD_UNKNOWN");
}
