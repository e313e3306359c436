/** Blobs, on their way here (distribution-spec, "Pulling blobs"; ranges: RFC 9110, section 14). */
import { EngineError } from "../../base/errors.ts";
import { parseDigest } from "../../oci/digest.ts";
import type { ImageName } from "../../oci/reference.ts";
import { repositoryScope } from "./authorizer.ts";
import { subject } from "./connection-errors.ts";
import type { Contact } from "./contacts.ts";
import type { HttpResponse } from "./http-transport.ts";
import type { RegistryCall, RemoteBlob } from "./registry-client.ts";
import { errorOfResponse, pullError } from "./registry-errors.ts";
import type { Answer, Requests } from "./requests.ts";
import type { Sources } from "./sources.ts";
import type { TransferSlots } from "./transfer-slots.ts";

interface Parts {
  readonly requests: Requests;
  readonly sources: Sources;
  readonly downloads: TransferSlots;
}

/** The slot is given back when the body has ended, was left, or when the call is canceled. */
export async function openBlob(
  parts: Parts,
  name: ImageName,
  digest: string,
  offsetBytes: number,
  call: RegistryCall,
): Promise<RemoteBlob> {
  parseDigest(digest);
  const slot = await parts.downloads.acquire(call.signal);
  const release = () => {
    call.signal.removeEventListener("abort", release);
    slot.release();
  };
  // A body that nobody ever begins to read would keep its slot for good.
  call.signal.addEventListener("abort", release, { once: true });
  try {
    return await parts.sources.read(name.domain, call, async (contact) => {
      const blob = await openFrom(parts.requests, contact, name, digest, offsetBytes, call);
      return { ...blob, body: watched(blob.body, release, (error) => parts.sources.failed(contact, error)) };
    });
  } catch (error) {
    release();
    throw error instanceof EngineError ? pullError(error, name, name.tag) : error;
  }
}

async function* watched(
  body: AsyncIterable<Uint8Array>,
  release: () => void,
  failed: (error: unknown) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* body;
  } catch (error) {
    failed(error);
    throw error;
  } finally {
    release();
  }
}

async function openFrom(
  requests: Requests,
  contact: Contact,
  name: ImageName,
  digest: string,
  offsetBytes: number,
  call: RegistryCall,
): Promise<RemoteBlob> {
  const answer = await requests.send(
    contact,
    {
      method: "GET",
      target: `/v2/${name.path}/blobs/${digest}`,
      headers: offsetBytes > 0 ? { Range: `bytes=${offsetBytes}-` } : {},
      scopes: [repositoryScope(name.path, "pull")],
    },
    call,
  );
  const { response } = answer;
  if (response.status === 206) return partOf(answer, offsetBytes);
  if (response.status === 416 && offsetBytes > 0) {
    await response.discard();
    const totalBytes = totalOf(response.headers.get("content-range"));
    if (totalBytes === offsetBytes) return { offsetBytes, totalBytes, body: nothing() };
    // What is here already is not a beginning of what is there.
    return openFrom(requests, contact, name, digest, 0, call);
  }
  if (response.status !== 200) throw await blobError(response);
  return { offsetBytes: 0, totalBytes: lengthOf(response), body: response.body };
}

async function blobError(response: HttpResponse): Promise<EngineError> {
  const error = await errorOfResponse(response);
  if (error.kind !== "notFound" || error.details.code === "NAME_UNKNOWN") return error;
  return new EngineError("notFound", "unknown blob", { cause: error, details: { status: 404 } });
}

async function partOf({ response, url }: Answer, offsetBytes: number): Promise<RemoteBlob> {
  const header = response.headers.get("content-range") ?? "";
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(header.trim());
  if (match === null || Number(match[1]) !== offsetBytes) {
    await response.discard();
    throw new EngineError(
      "invalid",
      `${subject("GET", url)}: asked for the bytes from ${offsetBytes} on, got ${JSON.stringify(header)}`,
    );
  }
  return { offsetBytes, totalBytes: totalOf(header), body: response.body };
}

function totalOf(contentRange: string | null): number | undefined {
  const match = /\/(\d{1,15})$/.exec(contentRange?.trim() ?? "");
  return match === null ? undefined : Number(match[1]);
}

function lengthOf(response: HttpResponse): number | undefined {
  const text = response.headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}

/** Asks the registry itself, never a mirror: this decides whether something has to be pushed. */
export async function findBlob(
  { requests, sources }: Pick<Parts, "requests" | "sources">,
  name: ImageName,
  digest: string,
  call: RegistryCall,
  scopes: readonly string[] = [repositoryScope(name.path, "pull")],
): Promise<number | undefined> {
  parseDigest(digest);
  const contact = await sources.origin(name.domain, call);
  const target = `/v2/${name.path}/blobs/${digest}`;
  const { response } = await requests.send(contact, { method: "HEAD", target, scopes }, call);
  if (response.status === 200) {
    await response.discard();
    return lengthOf(response) ?? 0;
  }
  if (response.status !== 404) throw await errorOfResponse(response);
  await response.discard();
  return undefined;
}
