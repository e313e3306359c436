import { EngineError } from "../../base/errors.ts";
import type { ImageStore } from "../../store/image-store.ts";
import type { StoredImage } from "../../store/images.ts";

/** An image's layers while somebody looks at them: they stay, whatever is removed meanwhile. */
export interface LeasedLayers extends AsyncDisposable {
  /** Topmost first: a directory for each layer. */
  readonly directories: readonly string[];
  /** Each directory holds all of the image up to its layer, rather than the layer alone. */
  readonly areWholeTrees: boolean;
}

/** Throws notFound when the image went meanwhile. */
export async function leaseLayers(
  store: ImageStore,
  image: StoredImage,
  signal: AbortSignal,
): Promise<LeasedLayers> {
  const gone = () => {
    throw new EngineError("notFound", `No such image: ${image.id}: it was removed`);
  };
  const sources = image.config.rootfs.diff_ids.map((diffId) => ({ diffId, open: gone }));
  const lease = await store.layers.apply(sources, signal);
  return {
    directories: lease.chainIds.toReversed().map((chainId) => store.snapshots.directory(chainId)),
    areWholeTrees: store.snapshots.driver === "vfs",
    [Symbol.asyncDispose]: () => lease.release(),
  };
}
