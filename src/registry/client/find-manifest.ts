import { isDigest } from "../../oci/digest.ts";
import { type ImageName, withTag } from "../../oci/reference.ts";
import { repositoryScope } from "./authorizer.ts";
import { MANIFEST_TYPES } from "./manifests.ts";
import type { FoundManifest, RegistryCall } from "./registry-client.ts";
import type { Requests } from "./requests.ts";
import type { Sources } from "./sources.ts";

/** HEAD of a tag. What goes wrong is left for the GET to tell: answers to a HEAD have no words. */
export async function findManifest(
  { requests, sources }: { readonly requests: Requests; readonly sources: Sources },
  name: ImageName,
  tag: string,
  call: RegistryCall,
): Promise<FoundManifest | undefined> {
  withTag(name, tag);
  return await sources.read(name.domain, call, async (contact) => {
    const { response } = await requests.send(
      contact,
      {
        method: "HEAD",
        target: `/v2/${name.path}/manifests/${tag}`,
        headers: { Accept: MANIFEST_TYPES },
        scopes: [repositoryScope(name.path, "pull")],
      },
      call,
    );
    await response.discard();
    const digest = response.headers.get("docker-content-digest") ?? "";
    const mediaType =
      (response.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
    if (response.status !== 200 || !isDigest(digest) || !mediaType.startsWith("application/vnd."))
      return undefined;
    return { digest, mediaType };
  });
}
