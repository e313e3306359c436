/** Answers that are a stream of JSON lines: load, import, pull, push. */
import type { ProgressMessage } from "../api/image-views.ts";
import { JSON_TYPE } from "../api/media-types.ts";
import { fromUnknown } from "../base/errors.ts";
import type { Exchange, ResponseBody } from "./exchange.ts";

/** An error before the first message is thrown and gets a status; a later one is the stream's last line. */
export async function beginProgress(
  exchange: Exchange,
  messages: AsyncIterable<ProgressMessage>,
): Promise<void> {
  const iterator = messages[Symbol.asyncIterator]();
  const first = await iterator.next();
  await writeProgress(exchange.begin(200, JSON_TYPE), startingWith(first, iterator), exchange.signal);
}

/**
 * The status is 200 whatever happens, but not before the first message: containers/image (skopeo, Podman) takes the head of
 * the answer to a load for its end, and stops sending.
 */
export async function tellProgress(
  exchange: Exchange,
  messages: AsyncIterable<ProgressMessage>,
): Promise<void> {
  const iterator = messages[Symbol.asyncIterator]();
  const first = iterator.next();
  await first.catch(() => undefined);
  await writeProgress(exchange.begin(200, JSON_TYPE), startingWith(first, iterator), exchange.signal);
}

async function* startingWith<T>(
  first: IteratorResult<T, unknown> | Promise<IteratorResult<T, unknown>>,
  rest: AsyncIterator<T>,
): AsyncGenerator<T> {
  try {
    for (let step = await first; step.done !== true; step = await rest.next()) yield step.value;
  } finally {
    await rest.return?.();
  }
}

/** Ends the body, whatever happens. */
export async function writeProgress(
  body: ResponseBody,
  messages: AsyncIterable<ProgressMessage>,
  signal: AbortSignal,
): Promise<void> {
  const line = (message: ProgressMessage) => `${JSON.stringify(message)}\r\n`;
  try {
    for await (const message of messages) {
      await body.write(line(message));
      if (signal.aborted) break;
    }
  } catch (thrown) {
    const { message } = fromUnknown(thrown);
    await body.write(line({ errorDetail: { message }, error: message }));
  } finally {
    body.end();
  }
}
