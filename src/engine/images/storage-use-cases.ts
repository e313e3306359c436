/** The use-cases of the store's upkeep, as the HTTP edge calls them. `ref` names an image as elsewhere. */
import type { ContainerSummary } from "../../api/container-views.ts";
import type { DiskUsageKind, DiskUsageView } from "../../api/disk-usage-views.ts";
import type { Filters } from "../../api/filters.ts";
import type {
  ImageDiffLine,
  ImageLayersLine,
  ImagePinView,
  ImagesPruneView,
  PrunePlanView,
  ScrubLine,
} from "../../api/storage-views.ts";

export interface StorageBackend {
  diskUsage(kinds: ReadonlySet<DiskUsageKind>, signal: AbortSignal): Promise<DiskUsageView<ContainerSummary>>;
  planPrune(filters: Filters, signal: AbortSignal): Promise<PrunePlanView>;
  prune(filters: Filters, signal: AbortSignal): Promise<ImagesPruneView>;
  /** Throws notFound for a plan that is not there (any more). */
  applyPrunePlan(planId: string, signal: AbortSignal): Promise<ImagesPruneView>;
  pins(): Promise<ImagePinView[]>;
  pin(ref: string): Promise<void>;
  /** Throws notFound also for an image that is not pinned. */
  unpin(ref: string): Promise<void>;
  diff(
    refs: { readonly from: string; readonly to: string },
    options: { readonly limit: number; readonly after: string | undefined },
    signal: AbortSignal,
  ): AsyncIterable<ImageDiffLine>;
  layers(
    ref: string,
    options: { readonly files: boolean; readonly limit: number },
    signal: AbortSignal,
  ): AsyncIterable<ImageLayersLine>;
  scrub(
    options: { readonly repair: boolean; readonly snapshots: boolean },
    signal: AbortSignal,
  ): AsyncIterable<ScrubLine>;
}
