/** Loaded at the first write: a command that says nothing, as `run` of a silent program, saves its millisecond. */
const fs = () => process.getBuiltinModule("node:fs");

const isFull = (error: unknown) => (error as NodeJS.ErrnoException).code === "EAGAIN";
const pause = () => new Promise((resolve) => setTimeout(resolve, 1));

/**
 * Writes all of it to a descriptor at once, so that stdout and stderr keep their order and nothing is lost when the program
 * ends. For a command's own few lines: a reader that does not read holds the program up.
 */
export async function writeAll(descriptor: number, data: string | Uint8Array): Promise<void> {
  let rest = typeof data === "string" ? new TextEncoder().encode(data) : data;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(fs().writeSync(descriptor, rest));
    } catch (error) {
      if (!isFull(error)) throw error;
      await pause();
    }
  }
}

/** The same without holding the program up: signals are seen while a reader takes its time. */
export async function writeStream(descriptor: number, data: Uint8Array): Promise<void> {
  let rest = data;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(await writeSome(descriptor, rest));
    } catch (error) {
      if (!isFull(error)) throw error;
      await pause();
    }
  }
}

function writeSome(descriptor: number, data: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    fs().write(descriptor, data, (error, written) => (error === null ? resolve(written) : reject(error)));
  });
}
