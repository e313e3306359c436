/**
 * The layers of images as committed snapshots, keyed by chain id. A layer lives as long as an image, a child snapshot or
 * a lease needs it: the first two are foreign keys, leases are held in memory by whoever is about to record an image.
 */
import { availableParallelism } from "node:os";
import { EngineError, isKind } from "../../base/errors.ts";
import type { Snapshots } from "../images.ts";
import { chainIds } from "./chain-id.ts";
import type { OverlaySnapshots, StagedLayer } from "./overlay.ts";
import { Slots } from "./slots.ts";

export interface LayerSource {
  readonly diffId: string;
  /** The uncompressed tar, from its beginning. Not called for a layer that is there already. */
  open(signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** Layers that stay until they are released. Release after the image that needs them is recorded, or given up. */
export interface LayerLease {
  /** Bottom first. */
  readonly chainIds: readonly string[];
  readonly diffIds: readonly string[];
  /** Of all of them. */
  readonly sizeBytes: number;
  release(): Promise<void>;
}

/** Unpacking is bound by the disk and one core's inflate; more at once only spreads memory. */
const MAX_PARALLEL_UNPACKS = 4;

export class LayerStore implements Snapshots {
  private readonly leases = new Map<string, number>();
  private readonly building = new Map<string, Promise<void>>();
  private readonly slots = new Slots(Math.min(MAX_PARALLEL_UNPACKS, availableParallelism()));

  constructor(private readonly snapshots: OverlaySnapshots) {}

  get driver(): string {
    return this.snapshots.driver;
  }

  prepare(key: string, parent: string | undefined): Promise<void> {
    return this.snapshots.prepare(key, parent);
  }

  root(key: string): Promise<{ lowerDirs: string[]; upperDir: string; workDir: string }> {
    return this.snapshots.root(key);
  }

  /** Removes also the layers that only this snapshot kept: those of an image that was deleted under a container. */
  async remove(key: string): Promise<void> {
    const parent = this.snapshots.find(key)?.parent;
    await this.snapshots.remove(key);
    if (parent !== undefined && parent !== null) await this.collect(parent);
  }

  usage(key: string): Promise<number> {
    return this.snapshots.usage(key);
  }

  active(): Promise<string[]> {
    return this.snapshots.active();
  }

  settled(): Promise<void> {
    return this.snapshots.settled();
  }

  /** Bytes of one layer's own files; 0 for one that is not there. */
  sizeOf(chainId: string): number {
    return this.snapshots.find(chainId)?.sizeBytes ?? 0;
  }

  /**
   * Makes sure that all layers are there, bottom first in `sources`, unpacking side by side those that are not. The same
   * layer wanted twice at once is unpacked once. Throws invalid when a tar does not have the digest it should have; the
   * first failure or `signal` ends all, and leaves no layer that nobody needs.
   */
  async apply(sources: readonly LayerSource[], signal: AbortSignal): Promise<LayerLease> {
    const diffIds = sources.map((source) => source.diffId);
    const chain = chainIds(diffIds);
    this.hold(chain);
    const failure = new AbortController();
    const both = AbortSignal.any([signal, failure.signal]);
    let below: Promise<void> = Promise.resolve();
    const all = sources.map((source, index) => {
      const layer: ChainLayer = {
        source,
        index,
        chainId: chain[index] ?? "",
        parent: chain[index - 1],
        below,
      };
      below = this.ensure(layer, both);
      below.catch((error: unknown) => failure.abort(error));
      return below;
    });
    await Promise.allSettled(all);
    if (both.aborted) {
      await this.release(chain);
      throw both.reason;
    }
    return this.lease(chain, diffIds);
  }

  /** One layer of its own, whose digest nobody knows beforehand: an imported root file system. */
  async add(tar: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<LayerLease> {
    const staged = await this.slots.use(() => this.snapshots.stage(tar, signal));
    const chain = [staged.diffId];
    this.hold(chain);
    try {
      await this.snapshots.commit(staged, staged.diffId, undefined);
    } catch (error) {
      await this.release(chain);
      throw error;
    }
    return this.lease(chain, chain);
  }

  /**
   * Removes a layer and then its parents, as far as nobody needs them. Returns the chain ids, topmost first.
   */
  async collect(chainId: string): Promise<string[]> {
    const removed: string[] = [];
    for (let key: string | null = chainId; key !== null; ) {
      const row = this.snapshots.find(key);
      if (row === undefined || row.kind !== "committed" || this.leases.has(key)) break;
      try {
        await this.snapshots.remove(key);
      } catch (error) {
        if (isKind(error, "failedPrecondition")) break;
        throw error;
      }
      removed.push(key);
      key = row.parent;
    }
    return removed;
  }

  /** For the daemon's start: removes the layers of loads that never came to record their image. */
  async collectAll(): Promise<void> {
    // Children have higher numbers than parents, save for layers unpacked side by side; collect() climbs for those.
    for (const key of this.snapshots.committedKeys().reverse()) await this.collect(key);
  }

  private async ensure(layer: ChainLayer, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      if (this.snapshots.find(layer.chainId) !== undefined) return;
      const running = this.building.get(layer.chainId);
      if (running === undefined) break;
      // Somebody else's attempt may fail for reasons of its own: its archive, its client. Then it is our turn.
      await running.catch(() => undefined);
    }
    const building = this.build(layer, signal).finally(() => this.building.delete(layer.chainId));
    this.building.set(layer.chainId, building);
    await building;
  }

  private async build(layer: ChainLayer, signal: AbortSignal): Promise<void> {
    const staged = await this.slots.use(() => {
      signal.throwIfAborted();
      return this.snapshots.stage(layer.source.open(signal), signal);
    });
    await this.discardOnError(staged, async () => {
      const expected = layer.source.diffId;
      if (staged.diffId !== expected) {
        throw new EngineError(
          "invalid",
          `invalid diffID for layer ${layer.index}: expected "${expected}", got "${staged.diffId}"`,
        );
      }
      await layer.below;
      signal.throwIfAborted();
    });
    await this.snapshots.commit(staged, layer.chainId, layer.parent);
  }

  private async discardOnError(staged: StagedLayer, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.snapshots.discard(staged);
      throw error;
    }
  }

  private lease(chain: readonly string[], diffIds: readonly string[]): LayerLease {
    const sizeBytes = chain.reduce((sum, key) => sum + this.sizeOf(key), 0);
    let released = false;
    return {
      chainIds: chain,
      diffIds,
      sizeBytes,
      release: async () => {
        if (released) return;
        released = true;
        await this.release(chain);
      },
    };
  }

  private hold(chain: readonly string[]): void {
    for (const key of chain) this.leases.set(key, (this.leases.get(key) ?? 0) + 1);
  }

  /** From the top, since a parent goes only after its children. A failed load may have made only the lower layers. */
  private async release(chain: readonly string[]): Promise<void> {
    for (const key of chain) {
      const count = (this.leases.get(key) ?? 0) - 1;
      if (count > 0) this.leases.set(key, count);
      else this.leases.delete(key);
    }
    for (const key of chain.toReversed()) await this.collect(key);
  }
}

interface ChainLayer {
  readonly source: LayerSource;
  readonly index: number;
  readonly chainId: string;
  readonly parent: string | undefined;
  /** Settles when the parent is committed. */
  readonly below: Promise<void>;
}
