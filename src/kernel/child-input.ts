import { setImmediate } from "node:timers/promises";

type ChildInput = Bun.Subprocess<"pipe", "pipe", "pipe">["stdin"];

/**
 * Writes to a child's standard input. Resolves when the pipe took the bytes, which is the child's backpressure: true, or false
 * when the child no longer reads; its exit code tells why. Never rejects.
 */
export async function writeInput(input: ChildInput, bytes: Uint8Array): Promise<boolean> {
  try {
    // Both calls may answer with a promise, and both promises reject when the pipe breaks meanwhile. Once it is broken flush()
    // gives no number any more (Bun 1.4), and the bytes would only pile up in memory.
    const [, flushed] = await Promise.all([input.write(bytes), input.flush()]);
    return typeof flushed === "number";
  } catch {
    return false;
  }
}

/** Closes a child's standard input, whether or not it still reads. */
export async function endInput(input: ChildInput): Promise<void> {
  try {
    await input.end();
  } catch {
    // What it did not read is its own affair.
  }
}

type FedProcess = Pick<Bun.Subprocess<"pipe", "pipe", "pipe">, "stdin" | "exited">;

const BYTES_PER_TURN = 1 << 20;

/**
 * Writes all of `source` to a child and closes its input, waiting while its pipe is full. Returns early when the child has
 * ended, and then lets go of the source. Throws what the source throws.
 */
export async function feedInput(child: FedProcess, source: AsyncIterable<Uint8Array>): Promise<void> {
  const iterator = source[Symbol.asyncIterator]();
  let giveUp = () => {};
  let hasEnded = false;
  void child.exited.then(() => {
    hasEnded = true;
    giveUp();
  });
  // Not Promise.race() with `exited`: that would keep every chunk in memory until the child ends.
  const nextOrEnd = () => {
    if (hasEnded) return Promise.resolve(undefined);
    const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<Uint8Array> | undefined>();
    giveUp = () => resolve(undefined);
    iterator.next().then(resolve, reject);
    return promise;
  };
  let sinceTurn = 0;
  for (let next = await nextOrEnd(); next !== undefined; next = await nextOrEnd()) {
    if (next.done) {
      await endInput(child.stdin);
      return;
    }
    if (!(await writeInput(child.stdin, next.value))) break;
    // With a source and a pipe that are always ready nobody else would run, nor would the child's end be seen.
    sinceTurn += next.value.length;
    if (sinceTurn >= BYTES_PER_TURN) {
      sinceTurn = 0;
      await setImmediate();
    }
  }
  // Not awaited: a source that waits for its own input ends when that does.
  Promise.resolve(iterator.return?.()).catch(() => undefined);
}
