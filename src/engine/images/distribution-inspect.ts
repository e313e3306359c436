import type { DistributionInspect, PlatformView } from "../../api/registry-views.ts";
import { EngineError } from "../../base/errors.ts";
import { MAX_IMAGE_CONFIG_BYTES } from "../../oci/image-config.ts";
import { type Descriptor, MediaType, parseManifest } from "../../oci/manifest.ts";
import { type ImageName, parseImageReference, withDefaultTag } from "../../oci/reference.ts";
import type { RegistryCall, RegistryClient, RemoteManifest } from "../../registry/client/registry-client.ts";

/** `GET /distribution/{name}/json`: what the registry has under a name, and for which platforms. Nothing is kept. */
export async function inspectDistribution(
  registry: RegistryClient,
  ref: string,
  call: RegistryCall,
): Promise<DistributionInspect> {
  const reference = parseImageReference(ref);
  if (reference.kind === "digest") throw new EngineError("invalid", "no manifest found for full image ID");
  const name = withDefaultTag(reference.name);
  const manifest = await registry.manifest(name, name.digest ?? name.tag ?? "", call);
  const { mediaType, digest, bytes } = manifest;
  return {
    Descriptor: { mediaType, digest, size: bytes.length },
    Platforms: await platformsOf(registry, name, manifest, call),
  };
}

/** As Docker: an index says it itself, a Docker manifest's config is looked at, an OCI manifest's is not. */
async function platformsOf(
  registry: RegistryClient,
  name: ImageName,
  manifest: RemoteManifest,
  call: RegistryCall,
): Promise<PlatformView[] | null> {
  const document = parseManifest(manifest.bytes);
  if (document.kind === "index") {
    return document.manifests.flatMap((item) => (item.platform === undefined ? [] : [viewOf(item.platform)]));
  }
  if (manifest.mediaType !== MediaType.dockerManifest) return null;
  const platform = await platformOfConfig(registry, name, document.config, call);
  return platform === undefined ? null : [platform];
}

function viewOf(platform: NonNullable<Descriptor["platform"]>): PlatformView {
  const { architecture, os, variant } = platform;
  return { architecture, os, ...(variant === undefined ? {} : { variant }) };
}

async function platformOfConfig(
  registry: RegistryClient,
  name: ImageName,
  config: Descriptor,
  call: RegistryCall,
): Promise<PlatformView | undefined> {
  const { body } = await registry.openBlob(name, config.digest, 0, call);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > MAX_IMAGE_CONFIG_BYTES) return undefined;
    chunks.push(chunk);
  }
  return platformIn(Buffer.concat(chunks).toString("utf8"));
}

function platformIn(text: string): PlatformView | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { architecture, os, variant } = value as Record<string, unknown>;
  if (typeof architecture !== "string" || typeof os !== "string") return undefined;
  return { architecture, os, ...(typeof variant === "string" && variant !== "" ? { variant } : {}) };
}
