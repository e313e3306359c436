import type { ContainerSummary } from "../../../api/container-views.ts";
import type { ImageId } from "../../../base/ids.ts";
import type { StoredImage } from "../../../store/images.ts";
import type { ContainerRecord } from "../container-record.ts";
import type { ContainersBackend } from "../container-use-cases.ts";
import { commandOf } from "../inspect/inspect-command.ts";
import { endpointsOf } from "../inspect/inspect-networks.ts";
import type { ContainerDirectory } from "../live-container.ts";
import { isRunning } from "../state-machine.ts";
import { compileListFilter, type DescendantsOf, type ListFilter } from "./list-filter.ts";
import { statusWords } from "./list-status.ts";

const NS_PER_MS = 1_000_000n;
const NS_PER_SECOND = 1_000_000_000n;

/** What the reading use-cases need to know about images. */
export interface ImageFinder {
  /** By name, id or a unique prefix of one; undefined: there is none, or not exactly one. */
  find(ref: string): Promise<StoredImage | undefined>;
}

export interface SizeMeter {
  /** Bytes of the container's own files. */
  usage(snapshot: string): Promise<number>;
}

export interface ListDependencies {
  readonly directory: ContainerDirectory;
  readonly images: ImageFinder;
  readonly snapshots: SizeMeter;
  readonly nowNs?: () => bigint;
}

/** `docker ps`: newest first. A limit counts what the filters let through and shows stopped containers too. */
export function createList(deps: ListDependencies): ContainersBackend["list"] {
  const nowNs = deps.nowNs ?? (() => BigInt(Date.now()) * NS_PER_MS);
  return async ({ all, limit, size, filters }) => {
    const filter = await compileListFilter(filters, deps.directory, descendantsIn(deps));
    const records = deps.directory.all().map((live) => live.record);
    const now = nowNs();
    const summaries: ContainerSummary[] = [];
    for (const record of window(newestFirst(records), filter)) {
      if (!isRunning(record.state) && !all && !filter.showsAll && limit <= 0) continue;
      const summary = summarize(record, now);
      if (!filter.includes({ record, summary })) continue;
      if (limit > 0 && summaries.length === limit) break;
      summaries.push(summary);
    }
    const findOnce = remember(deps.images);
    for (const summary of summaries) {
      summary.Image = await currentName(summary, findOnce);
      if (size) await measure(summary, deps);
    }
    return summaries;

    async function measure(summary: ContainerSummary, { directory, images, snapshots }: ListDependencies) {
      const record = directory.find(summary.Id)?.record;
      if (record === undefined) return;
      const sizes = await sizesOf(record, images, snapshots);
      summary.SizeRw = sizes.own;
      summary.SizeRootFs = sizes.all;
    }
  };
}

/** Bytes of the container's own layer, and together with its image's. */
export async function sizesOf(
  record: ContainerRecord,
  images: ImageFinder,
  snapshots: SizeMeter,
): Promise<{ own: number; all: number }> {
  const own = await snapshots.usage(record.snapshot);
  return { own, all: own + ((await images.find(record.imageId))?.sizeBytes ?? 0) };
}

function newestFirst(records: readonly ContainerRecord[]): ContainerRecord[] {
  return records.toSorted((left, right) =>
    left.createdAtNs === right.createdAtNs ? 0 : left.createdAtNs < right.createdAtNs ? 1 : -1,
  );
}

/** What stands after `before` and ahead of `since` in the list. */
function window(
  records: readonly ContainerRecord[],
  { before, since }: ListFilter,
): readonly ContainerRecord[] {
  const start = before === undefined ? 0 : records.findIndex(({ id }) => id === before) + 1;
  const rest = records.slice(start);
  const end = since === undefined ? -1 : rest.findIndex(({ id }) => id === since);
  return end < 0 ? rest : rest.slice(0, end);
}

function summarize(record: ContainerRecord, nowNs: bigint): ContainerSummary {
  const { config, hostConfig, state } = record;
  const annotations = hostConfig.Annotations ?? {};
  return {
    Id: record.id,
    Names: [`/${record.name}`],
    Image: record.imageReference,
    ImageID: record.imageId,
    Command: commandLine(record),
    Created: Number(record.createdAtNs / NS_PER_SECOND),
    Ports: [],
    Labels: { ...config.Labels },
    State: state.status,
    Status: statusWords(state, nowNs),
    HostConfig: {
      NetworkMode: hostConfig.NetworkMode ?? "",
      ...(Object.keys(annotations).length === 0 ? {} : { Annotations: annotations }),
    },
    NetworkSettings: { Networks: endpointsOf(record) },
    Mounts: [...record.mounts],
  };
}

/** Arguments with a space are quoted for the eye; this is no shell syntax. */
function commandLine(record: ContainerRecord): string {
  const { path, args } = commandOf(record.config);
  return [path, ...args.map((arg) => (arg.includes(" ") ? `'${arg}'` : arg))].join(" ");
}

/** The name that the client gave, unless it means another image by now. */
async function currentName(summary: ContainerSummary, find: ImageFinder["find"]): Promise<string> {
  if (summary.Image === summary.ImageID) return summary.Image;
  return (await find(summary.Image))?.id === summary.ImageID ? summary.Image : summary.ImageID;
}

/** Each reference is looked up once in a list. */
function remember(images: ImageFinder): ImageFinder["find"] {
  const known = new Map<string, Promise<StoredImage | undefined>>();
  return (ref) => {
    const found = known.get(ref) ?? images.find(ref);
    known.set(ref, found);
    return found;
  };
}

/** An image is built on another when its layers begin with all of the other's. Unknown references are no error. */
function descendantsIn({ directory, images }: ListDependencies): DescendantsOf {
  return async (refs) => {
    const found = await Promise.all(refs.map((ref) => images.find(ref)));
    const ancestors = found.filter((image) => image !== undefined);
    const descendants = new Set<ImageId>(ancestors.map(({ id }) => id));
    for (const imageId of new Set(directory.all().map(({ record }) => record.imageId))) {
      const layers = (await images.find(imageId))?.config.rootfs.diff_ids ?? [];
      const isBuiltOn = ({ config }: StoredImage) =>
        config.rootfs.diff_ids.length > 0 &&
        config.rootfs.diff_ids.every((layer, at) => layers[at] === layer);
      if (ancestors.some(isBuiltOn)) descendants.add(imageId);
    }
    return descendants;
  };
}
