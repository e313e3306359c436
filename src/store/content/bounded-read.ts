import { open } from "node:fs/promises";
import { EngineError } from "../../base/errors.ts";

/** A whole small file; undefined when it does not exist. Throws exhausted above `maxBytes` without reading on. */
export async function readUpTo(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  const file = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  await using opened = file;
  const { size } = await opened.stat();
  if (size > maxBytes) {
    throw new EngineError(
      "exhausted",
      `${size} bytes are more than the ${maxBytes} allowed for this document`,
    );
  }
  return new Uint8Array(await opened.readFile());
}
