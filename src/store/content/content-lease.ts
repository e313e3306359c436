/** Blobs that stay although no record names them yet. Take it before looking whether a blob is there. */
export interface ContentLease extends Disposable {
  add(digest: string): void;
  /** Releases all of them; what no record names by then is removed. Twice is no error. */
  [Symbol.dispose](): void;
}

/** Counts who holds which blob. */
export class ContentLeases {
  private readonly counts = new Map<string, number>();

  /** `onReleased` is told of digests that nobody holds any more. */
  constructor(private readonly onReleased: (digests: readonly string[]) => void) {}

  isHeld(digest: string): boolean {
    return this.counts.has(digest);
  }

  hold(): ContentLease {
    const held = new Set<string>();
    return {
      add: (digest) => {
        if (held.has(digest)) return;
        held.add(digest);
        this.counts.set(digest, (this.counts.get(digest) ?? 0) + 1);
      },
      [Symbol.dispose]: () => {
        const free = [...held].filter((digest) => this.release(digest));
        held.clear();
        if (free.length > 0) this.onReleased(free);
      },
    };
  }

  private release(digest: string): boolean {
    const left = (this.counts.get(digest) ?? 0) - 1;
    if (left > 0) this.counts.set(digest, left);
    else this.counts.delete(digest);
    return left <= 0;
  }
}
