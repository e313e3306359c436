/** A client that speaks HTTP by hand: what libraries never send can be sent, and what they hide is seen. */
import { connect, type Socket } from "node:net";

export class RawClient implements Disposable {
  readonly #socket: Socket;
  #chunks: Buffer[] = [];
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(path: string) {
    this.#socket = connect({ path, allowHalfOpen: true });
    this.#socket.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#wake?.();
    });
    const ended = () => {
      this.#ended = true;
      this.#wake?.();
    };
    this.#socket.on("end", ended);
    this.#socket.on("close", ended);
    this.#socket.on("error", ended);
  }

  send(data: string | Uint8Array): this {
    this.#socket.write(data);
    return this;
  }

  /** The half-close. */
  endInput(): this {
    this.#socket.end();
    return this;
  }

  /** Goes away without a word. */
  vanish(): void {
    this.#socket.destroy();
  }

  /** Stops reading, so that the server's writes get stuck. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  get #received(): Buffer {
    const [first, ...more] = this.#chunks;
    const whole = first !== undefined && more.length === 0 ? first : Buffer.concat(this.#chunks);
    this.#chunks = [whole];
    return whole;
  }

  get text(): string {
    return this.#received.toString("latin1");
  }

  /** What follows the head of the answer. */
  get body(): Buffer {
    const received = this.#received;
    const end = received.indexOf("\r\n\r\n");
    return end === -1 ? Buffer.alloc(0) : received.subarray(end + 4);
  }

  /** Resolves when the text has been received; throws when the connection ended without it. */
  async until(text: string): Promise<string> {
    while (!this.text.includes(text)) {
      if (this.#ended) throw new Error(`the connection ended after: ${this.text}`);
      await this.#next();
    }
    return this.text;
  }

  /** Resolves with everything when the server has ended its half. */
  async untilEnd(): Promise<string> {
    while (!this.#ended) await this.#next();
    return this.text;
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
