import type { Exchange } from "./exchange.ts";

/**
 * Answers 200 with a stream of bytes, as fast as the client takes them. A failure in the middle is thrown, which breaks the
 * connection off: the only way left to say that the answer is not whole.
 */
export async function sendStream(
  exchange: Exchange,
  contentType: string,
  bytes: AsyncGenerator<Uint8Array, void, undefined>,
  headers?: Readonly<Record<string, string>>,
): Promise<void> {
  try {
    const body = exchange.begin(200, contentType, headers);
    for await (const chunk of bytes) {
      await body.write(chunk);
      exchange.signal.throwIfAborted();
    }
    body.end();
  } finally {
    await bytes.return(undefined);
  }
}
