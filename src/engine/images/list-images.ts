import type { Filters } from "../../api/filters.ts";
import type { ImageSummary } from "../../api/image-views.ts";
import { EngineError } from "../../base/errors.ts";
import { parseGoDuration } from "../../base/go-duration.ts";
import { parseImageName } from "../../oci/reference.ts";
import { matchesReferencePattern } from "../../oci/reference-pattern.ts";
import type { ImageStore } from "../../store/image-store.ts";
import type { StoredImage } from "../../store/images.ts";
import { findImage } from "./image-lookup.ts";

export interface ListImagesOptions {
  readonly all: boolean;
  readonly digests: boolean;
  readonly sharedSize: boolean;
  readonly filters: Filters;
}

const ACCEPTED = new Set(["dangling", "label", "before", "since", "reference", "until"]);

/**
 * `GET /images/json`, newest first. Without `all`, untagged images that others build on are left out.
 * Throws invalid for an unknown filter or value, notFound for `before` and `since` of no image.
 */
export function listImages(store: ImageStore, options: ListImagesOptions, now: Date): ImageSummary[] {
  const select = compileFilters(store, options.filters, now);
  const uses = options.sharedSize ? store.images.layerUses() : undefined;
  return store.images
    .all()
    .filter((image) => select(image))
    .filter((image) => options.all || !isIntermediate(store, image))
    .sort((a, b) => createdMs(b) - createdMs(a))
    .map((image) => ({
      Id: image.id,
      ParentId: store.images.parentOf(image.id) ?? "",
      RepoTags: namesShown(image.tags, options.filters),
      RepoDigests: namesShown(image.digests, options.filters),
      Created: Math.floor(createdMs(image) / 1000),
      Size: image.sizeBytes,
      SharedSize: uses === undefined ? -1 : sharedSize(store, image, uses),
      Labels: image.config.config?.Labels ?? null,
      Containers: -1,
    }));
}

export function createdMs(image: StoredImage): number {
  const time = image.config.created === undefined ? 0 : Date.parse(image.config.created);
  return Number.isNaN(time) ? 0 : time;
}

const isUnnamed = (image: StoredImage) => image.tags.length === 0 && image.digests.length === 0;

function isIntermediate(store: ImageStore, image: StoredImage): boolean {
  return isUnnamed(image) && store.images.childrenOf(image.id).length > 0;
}

function sharedSize(store: ImageStore, image: StoredImage, uses: ReadonlyMap<string, number>): number {
  const shared = store.images.layersOf(image.id).filter((layer) => (uses.get(layer) ?? 0) > 1);
  return shared.reduce((sum, layer) => sum + store.layers.sizeOf(layer), 0);
}

/** With a reference filter only the names that match it are shown. */
function namesShown(names: readonly string[], filters: Filters): string[] {
  const patterns = filters.get("reference");
  if (patterns === undefined || patterns.length === 0) return [...names];
  return names.filter((name) => matchesAny(patterns, name));
}

function matchesAny(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => matchesReferencePattern(pattern, parseImageName(name)));
}

type Predicate = (image: StoredImage) => boolean;

function compileFilters(store: ImageStore, filters: Filters, now: Date): Predicate {
  for (const key of filters.keys()) {
    if (!ACCEPTED.has(key)) throw new EngineError("invalid", `invalid filter '${key}'`);
  }
  const values = (key: string) => filters.get(key) ?? [];
  const predicates: Predicate[] = [];
  const dangling = parseDangling(values("dangling"));
  if (dangling !== undefined) predicates.push((image) => (image.tags.length === 0) === dangling);
  for (const label of values("label")) predicates.push((image) => hasLabel(image, label));
  const before = values("before").map((ref) => createdMs(findImage(store.images, ref)));
  if (before.length > 0) predicates.push((image) => createdMs(image) < Math.min(...before));
  const since = values("since").map((ref) => createdMs(findImage(store.images, ref)));
  if (since.length > 0) predicates.push((image) => createdMs(image) > Math.max(...since));
  for (const until of values("until")) {
    const limit = parseTime(until, now);
    predicates.push((image) => createdMs(image) < limit);
  }
  const patterns = values("reference");
  if (patterns.length > 0) {
    predicates.push((image) => [...image.tags, ...image.digests].some((name) => matchesAny(patterns, name)));
  }
  return (image) => predicates.every((holds) => holds(image));
}

function parseDangling(values: readonly string[]): boolean | undefined {
  if (values.length === 0) return undefined;
  const yes = values.some((value) => value === "1" || value === "true");
  const no = values.some((value) => value === "0" || value === "false");
  if (yes === no) throw new EngineError("invalid", `invalid filter 'dangling=[${values.join(" ")}]'`);
  return yes;
}

/** `key` or `key=value`. */
function hasLabel(image: StoredImage, wanted: string): boolean {
  const labels = image.config.config?.Labels ?? {};
  const equals = wanted.indexOf("=");
  if (equals < 0) return Object.hasOwn(labels, wanted);
  const key = wanted.slice(0, equals);
  return Object.hasOwn(labels, key) && labels[key] === wanted.slice(equals + 1);
}

/** Milliseconds since the epoch of `10m` (before now), `1700000000[.5]` or an RFC 3339 time, also shortened. */
function parseTime(text: string, now: Date): number {
  const duration = parseGoDuration(text);
  if (duration !== undefined) return now.getTime() - duration / 1e6;
  if (/^[0-9]{1,12}(?:\.[0-9]{1,9})?$/.test(text)) return Number(text) * 1000;
  const time = /^[0-9]{4}-[0-9]{2}-[0-9]{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time))
    throw new EngineError("invalid", `failed to parse value as time or duration: ${JSON.stringify(text)}`);
  return time;
}
