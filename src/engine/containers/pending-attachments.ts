import type { ContainerProcess } from "../../runtime/container-runtime.ts";

/** A client that wants a process's streams. */
export interface PendingAttachment {
  /** Takes the process's streams. Must not throw: one broken client keeps no container from starting. */
  connect(process: ContainerProcess): Promise<void>;
  /** There will be no process: the start failed or the container is gone. */
  giveUp(): void;
}

/** Clients that attached before their container runs, in order of arrival. */
export class PendingAttachments {
  readonly #waiting = new Set<PendingAttachment>();

  add(attachment: PendingAttachment): void {
    this.#waiting.add(attachment);
  }

  remove(attachment: PendingAttachment): void {
    this.#waiting.delete(attachment);
  }

  /** Resolves when all that wait now are connected. */
  async connectAll(process: ContainerProcess): Promise<void> {
    await Promise.all(this.#take().map((attachment) => attachment.connect(process)));
  }

  giveUpAll(): void {
    for (const attachment of this.#take()) attachment.giveUp();
  }

  #take(): PendingAttachment[] {
    const all = [...this.#waiting];
    this.#waiting.clear();
    return all;
  }
}
