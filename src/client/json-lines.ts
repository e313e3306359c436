/**
 * The lines of a stream, empty ones left out. A line of more than `limitBytes` ends in an error: the other side is a daemon,
 * yet its memory is not ours to spend.
 */
export async function* lines(body: AsyncIterable<Uint8Array>, limitBytes = 16 << 20): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    const whole = text.split("\n");
    text = whole.pop() ?? "";
    if (text.length > limitBytes) throw new RangeError("a line of the daemon's answer is too long");
    for (const line of whole) if (line.trim() !== "") yield line;
  }
  if (text.trim() !== "") yield text;
}

/** JSON values of a stream, each ended by a newline. */
export async function* jsonLines<T>(body: AsyncIterable<Uint8Array>): AsyncGenerator<T> {
  for await (const line of lines(body)) yield JSON.parse(line) as T;
}
