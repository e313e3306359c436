/** What is sent of a blob: counted, and hashed where its digest is not known, over any number of attempts. */
import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { BugError, EngineError } from "../../base/errors.ts";
import type { BlobToPush } from "./registry-client.ts";

/** After so many bytes everybody else on the event loop gets a turn (see host/hashing.ts). */
const BYTES_PER_TURN = 4 << 20;

export class UploadSource {
  readonly #hash = createHash("sha256");
  #hashedBytes = 0;
  #size: number | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(private readonly blob: BlobToPush) {}

  /** What the caller's stream ended with: no reason to try the registry again. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** The whole size, once it is known. */
  get sizeBytes(): number | undefined {
    return this.blob.known?.sizeBytes ?? this.#size;
  }

  get digest(): string {
    if (this.blob.known !== undefined) return this.blob.known.digest;
    if (this.#size === undefined) throw new BugError("a digest was asked for before the end of its stream");
    return `sha256:${this.#hash.copy().digest("hex")}`;
  }

  /** The bytes from `offsetBytes` on. Hashing goes on where it was: an attempt may begin before or at what was read, not after. */
  async *from(offsetBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
    let position = offsetBytes;
    let sinceTurn = 0;
    try {
      for await (const chunk of this.blob.open(offsetBytes)) {
        if (this.blob.known === undefined) this.#digest(chunk, position);
        yield chunk;
        position += chunk.length;
        this.blob.onProgress(position);
        sinceTurn += chunk.length;
        if (sinceTurn < BYTES_PER_TURN) continue;
        sinceTurn = 0;
        await setImmediate();
      }
      this.#end(position);
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  #end(sizeBytes: number): void {
    const { known } = this.blob;
    if (known !== undefined && known.sizeBytes !== sizeBytes)
      throw new EngineError(
        "dataLoss",
        `blob ${known.digest} has ${sizeBytes} bytes, not ${known.sizeBytes}`,
      );
    this.#size = sizeBytes;
  }

  #digest(chunk: Uint8Array, position: number): void {
    const known = this.#hashedBytes - position;
    if (known < 0) throw new BugError("a part of a blob was skipped");
    if (known >= chunk.length) return;
    this.#hash.update(chunk.subarray(known));
    this.#hashedBytes = position + chunk.length;
  }
}
