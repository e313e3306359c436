import type { ImageLayersLine, ImageLayersTotal, LayerFacts, LayerFile } from "../../api/storage-views.ts";
import { isDirectory, isRegular, shownName, type TreeEntry } from "../../kernel/tree-list.ts";
import type { Trees } from "../../kernel/trees.ts";
import type { ImageStore } from "../../store/image-store.ts";
import type { StoredImage } from "../../store/images.ts";
import { fileType, imageLabel } from "./layer-view-facts.ts";
import { leaseLayers } from "./layer-view-lease.ts";
import { type StackedPath, stackedPaths, wholeTreePaths } from "./layer-view-stack.ts";

export interface LayerViewOptions {
  /** Tell each layer's files too, at most `limit` of all layers together. */
  readonly files: boolean;
  readonly limit: number;
}

const TOP_WASTED = 100;
/** Wasteful paths that are kept at a time, so that an image of nothing but waste costs no memory. */
const MAX_WASTED_KEPT = 4096;

/** `GET /berth/images/{name}/layers`: what each layer adds to the image, and what of it later ones make useless. */
export async function* viewLayers(
  store: ImageStore,
  trees: Pick<Trees, "list">,
  image: StoredImage,
  options: LayerViewOptions,
  signal: AbortSignal,
): AsyncGenerator<ImageLayersLine, void, undefined> {
  await using layers = await leaseLayers(store, image, signal);
  const view = new LayerView(image, options);
  const paths = layers.areWholeTrees ? wholeTreePaths : stackedPaths;
  for await (const path of paths(layers.directories, trees, signal)) view.take(path);
  yield* view.lines();
}

type MutableFacts = { -readonly [Name in keyof LayerFacts]: LayerFacts[Name] };

class LayerView {
  private readonly layers: MutableFacts[];
  private readonly files: LayerFile[][];
  private filesKept = 0;
  private filesOmitted = 0;
  private wasted: ImageLayersTotal["TopWasted"] = [];

  constructor(
    private readonly image: StoredImage,
    private readonly options: LayerViewOptions,
  ) {
    const steps = (image.config.history ?? []).filter((entry) => entry.empty_layer !== true);
    this.layers = image.config.rootfs.diff_ids.map((diffId, index) => ({
      Kind: "layer",
      Index: index,
      DiffId: diffId,
      Instruction: steps[index]?.created_by ?? "",
      ...(steps[index]?.created === undefined ? {} : { Created: steps[index].created }),
      Size: 0,
      Added: 0,
      Modified: 0,
      Removed: 0,
      Wasted: 0,
    }));
    this.files = this.layers.map(() => []);
  }

  take(path: StackedPath): void {
    let [versions, wastedBytes] = [0, 0];
    for (let at = path.entries.length - 1; at >= 0; at--) {
      const wasted = this.takeVersion(path, at);
      if (isFile(path.entries[at])) versions += 1;
      wastedBytes += wasted;
    }
    if (wastedBytes > 0) this.noteWasted(path.path, versions, wastedBytes);
  }

  /** What layer `at`, counted from the top, does to the path. Returns the bytes that layers above it make useless. */
  private takeVersion({ path, entries, visible }: StackedPath, at: number): number {
    const layer = this.layers[this.layers.length - 1 - at];
    const entry = entries[at];
    if (layer === undefined) return 0;
    const size = isFile(entry) ? (entry?.sizeBytes ?? 0) : 0;
    const isWasted = isFile(entry) && visible[0] !== at;
    layer.Size += size;
    if (isWasted) layer.Wasted += size;
    const change = changeOf(entries, visible, at);
    if (change !== undefined) {
      const name = change === "added" ? "Added" : change === "modified" ? "Modified" : "Removed";
      layer[name] += 1;
      if (this.options.files)
        this.note(layer.Index, change, path, change === "removed" ? undefined : entry, isWasted);
    }
    return isWasted ? size : 0;
  }

  private note(
    layer: number,
    change: LayerFile["Change"],
    path: string,
    entry: TreeEntry | undefined,
    wasted: boolean,
  ): void {
    if (this.filesKept === this.options.limit) {
      this.filesOmitted += 1;
      return;
    }
    this.filesKept += 1;
    this.files[layer]?.push({
      Kind: "file",
      Layer: layer,
      Change: change,
      Path: shownName(path),
      ...(entry === undefined ? {} : { Type: fileType(entry) }),
      Size: isFile(entry) ? (entry?.sizeBytes ?? 0) : 0,
      Wasted: wasted,
    });
  }

  private noteWasted(path: string, versions: number, bytes: number): void {
    this.wasted.push({ Path: shownName(path), Versions: versions, Bytes: bytes });
    if (this.wasted.length >= MAX_WASTED_KEPT) this.wasted = this.mostWasted();
  }

  private mostWasted() {
    return this.wasted.toSorted((left, right) => right.Bytes - left.Bytes).slice(0, TOP_WASTED);
  }

  *lines(): Generator<ImageLayersLine, void, undefined> {
    yield { Kind: "image", ...imageLabel(this.image) };
    for (const [index, layer] of this.layers.entries()) {
      yield layer;
      yield* this.files[index] ?? [];
    }
    const size = this.layers.reduce((sum, layer) => sum + layer.Size, 0);
    const wasted = this.layers.reduce((sum, layer) => sum + layer.Wasted, 0);
    yield {
      Kind: "total",
      Layers: this.layers.length,
      Size: size,
      Wasted: wasted,
      Efficiency: size === 0 ? 1 : 1 - wasted / size,
      TopWasted: this.mostWasted(),
      FilesOmitted: this.filesOmitted,
    };
  }
}

const isFile = (entry: TreeEntry | undefined) => entry !== undefined && !entry.whiteout && isRegular(entry);

function changeOf(
  entries: StackedPath["entries"],
  visible: StackedPath["visible"],
  at: number,
): LayerFile["Change"] | undefined {
  const [before, after] = [visible[at + 1] ?? -1, visible[at] ?? -1];
  if (before < 0) return after === at ? "added" : undefined;
  if (after < 0) return "removed";
  if (after !== at) return undefined;
  const [old, now] = [entries[before], entries[at]];
  if (old === undefined || now === undefined) return undefined;
  // A directory stands in a layer also for what is in it.
  const isSameDirectory =
    isDirectory(old) &&
    isDirectory(now) &&
    old.mode === now.mode &&
    old.uid === now.uid &&
    old.gid === now.gid;
  return isSameDirectory ? undefined : "modified";
}
