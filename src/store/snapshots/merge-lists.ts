/** Several sorted lists read side by side, without keeping any of them in memory. */

/** The current item of one list that comes in batches. */
class Cursor<T> {
  private batch: readonly T[] = [];
  private at = 0;
  private readonly source: AsyncIterator<readonly T[]>;

  constructor(list: AsyncIterable<readonly T[]>) {
    this.source = list[Symbol.asyncIterator]();
  }

  get current(): T | undefined {
    return this.batch[this.at];
  }

  /** True when the next item is in memory already. */
  step(): boolean {
    this.at += 1;
    return this.at < this.batch.length;
  }

  async fill(): Promise<void> {
    do {
      const next = await this.source.next();
      this.batch = next.done === true ? [] : next.value;
      this.at = 0;
      if (next.done === true) return;
    } while (this.batch.length === 0);
  }

  async close(): Promise<void> {
    await this.source.return?.();
  }
}

/**
 * Yields, for each key that any list has, the items with it: one for each list, undefined where it has none. Every list is sorted by
 * `compare`, without doubles. All lists are closed when the loop is left.
 */
export async function* mergeLists<T>(
  lists: readonly AsyncIterable<readonly T[]>[],
  keyOf: (item: T) => string,
  compare: (left: string, right: string) => number,
): AsyncGenerator<(T | undefined)[], void, undefined> {
  const cursors = lists.map((list) => new Cursor(list));
  try {
    await Promise.all(cursors.map((cursor) => cursor.fill()));
    for (;;) {
      let least: string | undefined;
      for (const { current } of cursors) {
        if (current === undefined) continue;
        const key = keyOf(current);
        if (least === undefined || compare(key, least) < 0) least = key;
      }
      if (least === undefined) return;
      const key = least;
      const group = cursors.map(({ current }) =>
        current !== undefined && keyOf(current) === key ? current : undefined,
      );
      yield group;
      for (const [index, cursor] of cursors.entries()) {
        if (group[index] !== undefined && !cursor.step()) await cursor.fill();
      }
    }
  } finally {
    await Promise.allSettled(cursors.map((cursor) => cursor.close()));
  }
}
