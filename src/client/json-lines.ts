/**
 * JSON values of a stream, each ended by a newline. A line of more than `limitBytes` ends in an error: the other side
 * is a daemon, yet its memory is not ours to spend.
 */
export async function* jsonLines<T>(
  body: AsyncIterable<Uint8Array>,
  limitBytes = 16 << 20,
): AsyncGenerator<T> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    if (text.length > limitBytes) throw new RangeError("a line of the daemon's answer is too long");
    for (const line of lines) if (line.trim() !== "") yield JSON.parse(line) as T;
  }
  if (text.trim() !== "") yield JSON.parse(text) as T;
}
