import type { ProgressMessage } from "../../api/image-views.ts";
import { shortId } from "../../base/ids.ts";
import { humanSize, progressBar } from "./layer-progress.ts";

/** Between two lines about one layer; more would only cost the client work. */
const INTERVAL_MS = 100;

export type Push = (message: ProgressMessage) => void;

/** What the client is told of one layer on its way: stages, and between them bytes, ten times a second at most. */
export class TransferProgress {
  readonly #id: string;
  #status = "";
  #toldMs = Number.NEGATIVE_INFINITY;

  /** `digest`: of the blob for a pull, of the uncompressed layer for a push, as in Docker. */
  constructor(
    digest: string,
    private readonly push: Push,
    private readonly nowMs: () => number = () => performance.now(),
  ) {
    this.#id = shortId(digest);
  }

  /** `Pulling fs layer`, `Pushed`, … */
  stage(status: string): void {
    this.#status = status;
    this.push({ status, progressDetail: {}, id: this.#id });
  }

  /** `totalBytes` undefined: nobody knows. The last bytes are always told. */
  bytes(status: string, currentBytes: number, totalBytes: number | undefined): void {
    const now = this.nowMs();
    const isNews = status !== this.#status || currentBytes === totalBytes;
    if (!isNews && now - this.#toldMs < INTERVAL_MS) return;
    this.#status = status;
    this.#toldMs = now;
    const isBounded = totalBytes !== undefined && totalBytes >= currentBytes;
    this.push({
      status,
      progressDetail: isBounded ? { current: currentBytes, total: totalBytes } : { current: currentBytes },
      progress: isBounded ? progressBar(currentBytes, totalBytes) : humanSize(currentBytes).padStart(8),
      id: this.#id,
    });
  }
}
