/** Manifests (distribution-spec, "Pulling manifests", "Pushing Manifests"). */
import { createHash } from "node:crypto";
import { EngineError } from "../../base/errors.ts";
import { isDigest, parseDigest } from "../../oci/digest.ts";
import { MAX_MANIFEST_BYTES, MediaType } from "../../oci/manifest.ts";
import { canonicalString, type ImageName, withTag } from "../../oci/reference.ts";
import { repositoryScope } from "./authorizer.ts";
import type { Contact } from "./contacts.ts";
import { readSmallBody } from "./http-transport.ts";
import type { RegistryCall, RemoteManifest } from "./registry-client.ts";
import { asked, errorOfResponse, pullError } from "./registry-errors.ts";
import type { Requests } from "./requests.ts";
import type { Sources } from "./sources.ts";

const OCI_ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json";
const SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1";
/**
 * Registries convert, or refuse in words of their own, when what they have is not in this list: schema 1 is in it so that the
 * refusal can name the reason.
 */
export const MANIFEST_TYPES = [
  MediaType.ociIndex,
  MediaType.dockerList,
  MediaType.ociManifest,
  MediaType.dockerManifest,
  OCI_ARTIFACT,
  `${SCHEMA_1}+prettyjws`,
].join(", ");

interface Parts {
  readonly requests: Requests;
  readonly sources: Sources;
}

export async function readManifest(
  { requests, sources }: Parts,
  name: ImageName,
  reference: string,
  call: RegistryCall,
): Promise<RemoteManifest> {
  checkReference(name, reference);
  return sources.read(name.domain, call, async (contact) => {
    try {
      return await readFrom(requests, contact, name, reference, call);
    } catch (error) {
      throw error instanceof EngineError ? pullError(error, name, reference) : error;
    }
  });
}

async function readFrom(
  requests: Requests,
  contact: Contact,
  name: ImageName,
  reference: string,
  call: RegistryCall,
): Promise<RemoteManifest> {
  const { response } = await requests.send(
    contact,
    {
      method: "GET",
      target: `/v2/${name.path}/manifests/${reference}`,
      headers: { Accept: MANIFEST_TYPES },
      scopes: [repositoryScope(name.path, "pull")],
    },
    call,
  );
  if (response.status !== 200) throw await errorOfResponse(response);
  const bytes = await readSmallBody(response, MAX_MANIFEST_BYTES, `manifest of ${asked(name, reference)}`);
  const digest = digestOf(bytes, isDigest(reference) ? parseDigest(reference).algorithm : "sha256");
  if (isDigest(reference) && digest !== reference)
    throw new EngineError("dataLoss", `manifest verification failed for digest ${reference}`);
  const mediaType = mediaTypeOf(response.headers.get("content-type"), bytes);
  if (mediaType.startsWith(SCHEMA_1)) throw schema1Error(name, reference);
  return { bytes, mediaType, digest };
}

/** A registry that does not know says so with a general type, or with none. */
function mediaTypeOf(header: string | null, bytes: Uint8Array): string {
  const said = (header ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (said.startsWith("application/vnd.")) return said;
  const document = parseObject(bytes);
  if (typeof document.mediaType === "string" && document.mediaType !== "") return document.mediaType;
  // OCI documents may leave it out; their kinds are told apart by their fields. Schema 1 has its version for that.
  if (document.schemaVersion === 1) return `${SCHEMA_1}+json`;
  if (Array.isArray(document.manifests)) return MediaType.ociIndex;
  if (document.config !== undefined || document.layers !== undefined) return MediaType.ociManifest;
  return said;
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function schema1Error(name: ImageName, reference: string): EngineError {
  const image = name.tag !== undefined || reference.includes(":") ? name : withTag(name, reference);
  return new EngineError(
    "invalid",
    "Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed. " +
      `Suggest the author of ${canonicalString(image)} to upgrade the image to the OCI Format or Docker Image manifest v2, ` +
      "schema 2. More information at https://docs.docker.com/go/deprecated-image-specs/",
  );
}

function digestOf(bytes: Uint8Array, algorithm: "sha256" | "sha512"): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
}

/** What becomes part of an address must be a tag or a digest. */
function checkReference(name: ImageName, reference: string): void {
  if (reference.includes(":")) parseDigest(reference);
  else withTag(name, reference);
}

/** Throws dataLoss when the registry says that it has stored something else. */
export async function writeManifest(
  { requests, sources }: Parts,
  name: ImageName,
  reference: string,
  manifest: RemoteManifest,
  call: RegistryCall,
): Promise<void> {
  checkReference(name, reference);
  const contact = await sources.origin(name.domain, call);
  const { response } = await requests.send(
    contact,
    {
      method: "PUT",
      target: `/v2/${name.path}/manifests/${reference}`,
      headers: { "Content-Type": manifest.mediaType },
      body: () => manifest.bytes,
      scopes: [repositoryScope(name.path, "pull", "push")],
    },
    call,
  );
  if (response.status < 200 || response.status >= 300) throw await errorOfResponse(response);
  await response.discard();
  const stored = response.headers.get("docker-content-digest");
  if (stored !== null && stored !== manifest.digest && stored.startsWith("sha256:")) {
    throw new EngineError(
      "dataLoss",
      `registry ${contact.base.host} stored the manifest of ${asked(name, reference)} as ${stored}, not as ${manifest.digest}`,
    );
  }
}
