import { FrameDecoder } from "../api/stream-frames.ts";

export interface StreamOutput {
  readonly stream: "stdout" | "stderr";
  readonly data: Uint8Array;
}

/** The stdout and stderr of a multiplexed stream, in their order; frames of the same stream that came together are one. */
export async function* demultiplex(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<StreamOutput> {
  const decoder = new FrameDecoder();
  for await (const chunk of chunks) {
    let together: Uint8Array[] = [];
    let current: StreamOutput["stream"] | undefined;
    for (const frame of decoder.push(chunk)) {
      const stream = frame.stream === "stdout" ? "stdout" : "stderr";
      if (current !== undefined && current !== stream) {
        yield { stream: current, data: joined(together) };
        together = [];
      }
      current = stream;
      together.push(frame.data);
    }
    if (current !== undefined) yield { stream: current, data: joined(together) };
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [first] = pieces;
  return pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces);
}
