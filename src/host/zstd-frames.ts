/**
 * Watches the bytes of a zstd stream go by and knows whether they end where a frame ends. zlib's decompressor reports damage but takes
 * a stream that was cut off in the middle for one that has ended; a cut layer would be a short success.
 * Format: RFC 8878, 3.1.1 and 3.1.2.
 */
export class ZstdFrameTracker {
  /** Bytes of the current fixed-size piece: magic, frame header, block header or length of a skippable frame. */
  readonly #piece = new Uint8Array(14);
  #pieceLength = 0;
  #wanted = MAGIC_BYTES;
  #state: "magic" | "skippableSize" | "descriptor" | "frameHeader" | "block" | "contents" = "magic";
  /** Contents of blocks, checksums and skippable frames are not looked at. */
  #toSkip = 0;
  #afterSkip: "magic" | "block" = "magic";
  #hasChecksum = false;

  /** True when nothing is missing: between frames, or before the first. */
  get isComplete(): boolean {
    return this.#state === "magic" && this.#pieceLength === 0;
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#state === "contents") {
        const skipped = Math.min(this.#toSkip, chunk.length - at);
        this.#toSkip -= skipped;
        at += skipped;
        if (this.#toSkip === 0) this.#enter(this.#afterSkip);
        continue;
      }
      this.#piece[this.#pieceLength++] = chunk[at++] ?? 0;
      if (this.#pieceLength === this.#wanted) this.#finishPiece();
    }
  }

  #enter(state: "magic" | "block"): void {
    this.#expect(state, state === "magic" ? MAGIC_BYTES : BLOCK_HEADER_BYTES);
  }

  #expect(state: "magic" | "skippableSize" | "descriptor" | "frameHeader" | "block", bytes: number): void {
    this.#state = state;
    this.#wanted = bytes;
    this.#pieceLength = 0;
  }

  #skip(bytes: number, then: "magic" | "block"): void {
    if (bytes === 0) {
      this.#enter(then);
      return;
    }
    this.#state = "contents";
    this.#toSkip = bytes;
    this.#afterSkip = then;
    this.#pieceLength = 0;
  }

  #finishPiece(): void {
    const value = new DataView(this.#piece.buffer).getUint32(0, true);
    switch (this.#state) {
      case "magic":
        // What is neither is the decompressor's to refuse.
        if ((value & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) this.#expect("skippableSize", 4);
        else this.#expect("descriptor", 1);
        return;
      case "skippableSize":
        this.#skip(value, "magic");
        return;
      case "descriptor":
        this.#finishDescriptor(value & 0xff);
        return;
      case "frameHeader":
        this.#enter("block");
        return;
      default:
        this.#finishBlockHeader(value & 0xffffff);
    }
  }

  #finishDescriptor(descriptor: number): void {
    const isSingleSegment = (descriptor & 0x20) !== 0;
    const sizeFlag = descriptor >> 6;
    this.#hasChecksum = (descriptor & 0x04) !== 0;
    const windowBytes = isSingleSegment ? 0 : 1;
    const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
    const sizeBytes = sizeFlag === 0 ? (isSingleSegment ? 1 : 0) : 1 << sizeFlag;
    this.#expect("frameHeader", windowBytes + dictionaryBytes + sizeBytes);
  }

  #finishBlockHeader(header: number): void {
    const isLast = (header & 1) === 1;
    const isRunLength = ((header >> 1) & 3) === 1;
    const contents = isRunLength ? 1 : header >> 3;
    if (isLast) this.#skip(contents + (this.#hasChecksum ? CHECKSUM_BYTES : 0), "magic");
    else this.#skip(contents, "block");
  }
}

const MAGIC_BYTES = 4;
const BLOCK_HEADER_BYTES = 3;
const CHECKSUM_BYTES = 4;
const SKIPPABLE_MAGIC = 0x184d2a50;
