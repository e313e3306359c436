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
