/**
 * The layers of images as committed snapshots, keyed by chain id. A layer lives as long as an image, a child snapshot or
 * a lease needs it: the first two are foreign keys, leases are held in memory by whoever is about to record an image.
 */
import { availableParallelism } from "node:os";
import { EngineError, isKind } from "../../base/errors.ts";
import type { UnpackResult } from "../../kernel/shim-session.ts";
import type { Snapshots } from "../images.ts";
import { chainIds } from "./chain-id.ts";
import { Slots } from "./slots.ts";
import type { LayerInput, SnapshotDriver, StagedLayer } from "./snapshot-driver.ts";

export interface LayerSource {
  readonly diffId: string;
  /** Awaited before an unpacking slot is taken: the layer's download. When it rejects, so does all. Not for a layer that is there. */
  readonly ready?: Promise<unknown>;
  /** Where the layer is: `{ path: content.path(digest) }` for a blob. Not called for a layer that is there already. */
  open(signal: AbortSignal): LayerInput;
  /** Bytes of the file that were read. */
  onProgress?(inputBytes: number): void;
  /** It was unpacked and has the right diffId. Awaited before the layer is committed, and covered by the sync before that. */
  unpacked?(result: UnpackResult): Promise<void>;
  /** The layer is a snapshot now, or was one before. Not awaited. */
  committed?(): void;
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
/** Needed until the image is recorded, some seconds later; for older ones the blob is looked at again. */
const MAX_PROOFS = 4096;

export class LayerStore implements Snapshots {
  private readonly leases = new Map<string, number>();
  /** Pairs "diffId blob" that an unpacking has shown to belong together. */
  private readonly proofs = new Set<string>();
  private readonly building = new Map<string, Promise<void>>();
  private readonly slots = new Slots(Math.min(MAX_PARALLEL_UNPACKS, availableParallelism()));

  constructor(
    private readonly snapshots: SnapshotDriver,
    /** Resolves when what was written before the call is on the disk. */
    private readonly synced: () => Promise<void>,
  ) {}

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

  /** Whether a blob was unpacked here, not long ago, to a layer with this diffId. */
  isProven(diffId: string, digest: string): boolean {
    return this.proofs.has(`${diffId} ${digest}`);
  }

  private prove({ diffId, inputDigest }: UnpackResult): void {
    const [oldest] = this.proofs;
    if (this.proofs.size >= MAX_PROOFS && oldest !== undefined) this.proofs.delete(oldest);
    this.proofs.add(`${diffId} ${inputDigest}`);
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
    // A download that fails while nobody waits for it yet is no unhandled rejection.
    for (const source of sources) source.ready?.catch(() => undefined);
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
      below.then(
        () => source.committed?.(),
        (error: unknown) => failure.abort(error),
      );
      return below;
    });
    await Promise.allSettled(all);
    if (both.aborted) {
      await this.release(chain);
      throw both.reason;
    }
    return this.lease(chain, diffIds);
  }

  /** One layer of its own, whose digest nobody knows beforehand: an imported root file system. `unpacked`: as of LayerSource. */
  async add(
    layer: LayerInput,
    signal: AbortSignal,
    unpacked?: (result: UnpackResult) => Promise<void>,
  ): Promise<LayerLease> {
    const staged = await this.slots.use(() => this.snapshots.stage(layer, signal));
    const chain = [staged.diffId];
    this.hold(chain);
    try {
      await this.discardOnError(staged, async () => {
        this.prove(staged);
        await unpacked?.(staged);
        await this.synced();
        signal.throwIfAborted();
      });
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
    const { source } = layer;
    if (source.ready !== undefined) await abortable(source.ready, signal);
    const staged = await this.slots.use(() => {
      signal.throwIfAborted();
      return this.snapshots.stage(source.open(signal), signal, (bytes) => source.onProgress?.(bytes));
    });
    await this.discardOnError(staged, async () => {
      const expected = source.diffId;
      if (staged.diffId !== expected) {
        throw new EngineError(
          "invalid",
          `invalid diffID for layer ${layer.index}: expected "${expected}", got "${staged.diffId}"`,
        );
      }
      this.prove(staged);
      await source.unpacked?.(staged);
      await layer.below;
      await this.synced();
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

/** Rejects with the signal's reason as soon as it aborts. */
async function abortable(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
