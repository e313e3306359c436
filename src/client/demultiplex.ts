import { FrameDecoder } from "../api/stream-frames.ts";

/** The stdout and stderr of a multiplexed stream, in their order. */
export async function* demultiplex(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly stream: "stdout" | "stderr"; readonly data: Uint8Array }> {
  const decoder = new FrameDecoder();
  for await (const chunk of chunks) {
    for (const { stream, data } of decoder.push(chunk)) {
      yield { stream: stream === "stdout" ? "stdout" : "stderr", data };
    }
  }
}
