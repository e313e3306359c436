import type { RegistryClient } from "../../registry/client/registry-client.ts";
import type { PushedLayers } from "../../store/metadata/pushed-layers.ts";
import type { TagDocuments } from "../../store/metadata/tag-documents.ts";
import type { ImagesDependencies } from "./ports.ts";

/** What pulls and pushes need besides the images. `main` fills it in. */
export interface RegistryDependencies extends ImagesDependencies {
  readonly registry: RegistryClient;
  readonly pushedLayers: PushedLayers;
  readonly tagDocuments: TagDocuments;
  /** Transfers at one moment, as they are configured now: those above wait. */
  limits(): { readonly maxConcurrentDownloads: number; readonly maxConcurrentUploads: number };
}
