/** What the engine answers about images (Engine API 1.50). */
import type { ContainerConfig } from "./container-config.ts";
import type { DescriptorView, PlatformView } from "./registry-views.ts";

export interface ImageSummary {
  Id: string;
  ParentId: string;
  RepoTags: string[];
  RepoDigests: string[];
  /** Unix seconds. */
  Created: number;
  Size: number;
  SharedSize: number;
  /** Before API 1.44 only. */
  VirtualSize?: number;
  Labels: Record<string, string> | null;
  /** -1: not counted. */
  Containers: number;
  /** Since API 1.47, where they were asked for. */
  Manifests?: ManifestSummary[];
  /** Of what its name stands for in a registry; with the manifests. */
  Descriptor?: DescriptorView;
}

/** One manifest that an image came with. `Available`: all that it refers to is here. */
export interface ManifestSummary {
  ID: string;
  Descriptor: DescriptorView;
  Available: boolean;
  /** Bytes here: of blobs, and together with what is unpacked. */
  Size: { Content: number; Total: number };
  Kind: "image" | "attestation" | "unknown";
  ImageData?: { Platform: PlatformView; Containers: string[]; Size: { Unpacked: number } };
  AttestationData?: { For: string };
}

export interface ImageInspectView {
  Id: string;
  RepoTags: string[];
  RepoDigests: string[];
  Parent: string;
  Comment: string;
  Created?: string;
  DockerVersion: string;
  Author: string;
  Config: ContainerConfig | null;
  Architecture: string;
  Variant?: string;
  Os: string;
  Size: number;
  VirtualSize?: number;
  GraphDriver: { Name: string; Data: Record<string, string> | null };
  RootFS: { Type: string; Layers?: string[] };
  Metadata: { LastTagTime: string };
  /** Since API 1.48, where they were asked for. */
  Manifests?: ManifestSummary[];
  Descriptor?: DescriptorView;
}

export interface ImageHistoryEntry {
  Id: string;
  Created: number;
  CreatedBy: string;
  Tags: string[] | null;
  Size: number;
  Comment: string;
}

export type ImageDeleteEntry = { Untagged: string } | { Deleted: string };

/** One line of the JSON stream of load, import and pull. */
export interface ProgressMessage {
  stream?: string;
  status?: string;
  id?: string;
  progress?: string;
  progressDetail?: ProgressDetail;
  error?: string;
  errorDetail?: { message: string; code?: number };
  aux?: unknown;
}

export interface ProgressDetail {
  current?: number;
  total?: number;
  /** Unix seconds: when the transfer began, for an estimate of what is left. */
  start?: number;
  /** Of what is counted; bytes without it. */
  units?: string;
  hidecounts?: boolean;
}
