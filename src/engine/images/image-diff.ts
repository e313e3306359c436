import { open } from "node:fs/promises";
import type { FileDifference, ImageDiffLine, ImageDiffTotal } from "../../api/storage-views.ts";
import {
  compareTreePaths,
  FILE_TYPE_MASK,
  isDirectory,
  isRegular,
  shownName,
  type TreeEntry,
} from "../../kernel/tree-list.ts";
import type { Trees } from "../../kernel/trees.ts";
import type { ImageStore } from "../../store/image-store.ts";
import type { StoredImage } from "../../store/images.ts";
import { mergeLists } from "../../store/snapshots/merge-lists.ts";
import { configDifferences } from "./image-diff-config.ts";
import { fileFacts, imageLabel } from "./layer-view-facts.ts";
import { type LeasedLayers, leaseLayers } from "./layer-view-lease.ts";
import { stackedPaths } from "./layer-view-stack.ts";

export interface ImageDiffOptions {
  readonly limit: number;
  /** Only files behind this path, as the last answer's `Next` had it. */
  readonly after: string | undefined;
}

/** One file of an image as it is seen. */
interface SeenFile {
  readonly entry: TreeEntry;
  /** Of the layer that it is in. */
  readonly directory: string;
}

const BATCH = 512;
const PIECE_BYTES = 256 << 10;

/** `GET /berth/images/diff`. Throws what leaseLayers throws. */
export async function* diffImages(
  store: ImageStore,
  trees: Pick<Trees, "list">,
  images: { readonly from: StoredImage; readonly to: StoredImage },
  options: ImageDiffOptions,
  signal: AbortSignal,
): AsyncGenerator<ImageDiffLine, void, undefined> {
  const { from, to } = images;
  await using before = await leaseLayers(store, from, signal);
  await using after = await leaseLayers(store, to, signal);
  const config = configDifferences(from.config, to.config);
  yield { Kind: "images", From: imageLabel(from), To: imageLabel(to), Config: config };
  const lists = [seenFiles(before, trees, signal), seenFiles(after, trees, signal)];
  const total: ImageDiffTotal = { Kind: "total", Added: 0, Changed: 0, Removed: 0, BytesTo: 0, BytesFrom: 0 };
  // The client has the name as text; names that are no UTF-8 compare as what they are shown as.
  const start = options.after === undefined ? undefined : Buffer.from(options.after).toString("latin1");
  let shown = 0;
  for await (const [old, now] of mergeLists(lists, (file) => file.entry.path, compareTreePaths)) {
    const path = (old ?? now)?.entry.path ?? "";
    if (start !== undefined && compareTreePaths(path, start) <= 0) continue;
    const difference = await differenceOf(old, now, signal);
    if (difference === undefined) continue;
    if (shown === options.limit) break;
    count(total, difference);
    shown += 1;
    yield { Kind: "file", ...difference };
    if (shown === options.limit) total.Next = difference.Path;
  }
  yield total;
}

function count(total: ImageDiffTotal, { Change, From, To }: FileDifference): void {
  if (Change === "added") total.Added += 1;
  else if (Change === "removed") total.Removed += 1;
  else total.Changed += 1;
  total.BytesFrom += From?.Size ?? 0;
  total.BytesTo += To?.Size ?? 0;
}

async function* seenFiles(
  { directories, areWholeTrees }: LeasedLayers,
  trees: Pick<Trees, "list">,
  signal: AbortSignal,
): AsyncGenerator<SeenFile[], void, undefined> {
  const stack = areWholeTrees ? directories.slice(0, 1) : directories;
  let batch: SeenFile[] = [];
  for await (const { entries, visible } of stackedPaths(stack, trees, signal)) {
    const at = visible[0] ?? -1;
    const [entry, directory] = [entries[at], stack[at]];
    if (entry === undefined || directory === undefined) continue;
    batch.push({ entry, directory });
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

async function differenceOf(
  old: SeenFile | undefined,
  now: SeenFile | undefined,
  signal: AbortSignal,
): Promise<FileDifference | undefined> {
  const path = shownName((old ?? now)?.entry.path ?? "");
  if (old === undefined) {
    return now && { Change: "added", Path: path, To: fileFacts(now.entry) };
  }
  if (now === undefined) return { Change: "removed", Path: path, From: fileFacts(old.entry) };
  // The very same file: both images have the layer.
  if (old.directory === now.directory) return undefined;
  const differs = await aspects(old, now, signal);
  if (differs.length === 0) return undefined;
  return {
    Change: "changed",
    Path: path,
    From: fileFacts(old.entry),
    To: fileFacts(now.entry),
    Differs: differs,
  };
}

async function aspects(old: SeenFile, now: SeenFile, signal: AbortSignal): Promise<string[]> {
  const [a, b] = [old.entry, now.entry];
  if ((a.mode & FILE_TYPE_MASK) !== (b.mode & FILE_TYPE_MASK)) return ["type"];
  const differs: string[] = [];
  if (a.target !== b.target || a.major !== b.major || a.minor !== b.minor) differs.push("content");
  else if (isRegular(a) && !(await haveSameContent(old, now, signal))) differs.push("content");
  if (a.mode !== b.mode) differs.push("mode");
  if (a.uid !== b.uid || a.gid !== b.gid) differs.push("owner");
  if (differs.length === 0 && !isDirectory(a) && a.mtimeNs !== b.mtimeNs) differs.push("time");
  return differs;
}

/** As other programs that compare trees: the same size and time mean the same content. Otherwise it is read. */
async function haveSameContent(old: SeenFile, now: SeenFile, signal: AbortSignal): Promise<boolean> {
  if (old.entry.sizeBytes !== now.entry.sizeBytes) return false;
  if (old.entry.mtimeNs === now.entry.mtimeNs || old.entry.sizeBytes === 0) return true;
  await using left = await open(pathOf(old), "r");
  await using right = await open(pathOf(now), "r");
  const [a, b] = [Buffer.alloc(PIECE_BYTES), Buffer.alloc(PIECE_BYTES)];
  for (let at = 0; at < old.entry.sizeBytes; at += PIECE_BYTES) {
    signal.throwIfAborted();
    const [one, other] = await Promise.all([
      left.read(a, 0, PIECE_BYTES, at),
      right.read(b, 0, PIECE_BYTES, at),
    ]);
    const [x, y] = [a.subarray(0, one.bytesRead), b.subarray(0, other.bytesRead)];
    if (!x.equals(y)) return false;
    if (one.bytesRead === 0) return true;
  }
  return true;
}

/** Everything on the way is a directory of the same layer, which nobody changes: no link is followed. */
function pathOf({ entry, directory }: SeenFile): Buffer {
  return Buffer.concat([Buffer.from(directory), Buffer.from(entry.path, "latin1")]);
}
