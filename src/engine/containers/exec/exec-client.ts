import type { ProcessStream } from "../../../kernel/shim-session.ts";
import type { AttachedClient, OutputChunk } from "../container-use-cases.ts";

/**
 * The client of one exec. Its output ends only after `ended`, when the exit code can be asked for: the command line does
 * that the moment the stream ends, while stream and exit status come on connections of their own.
 */
export function execClient(options: {
  readonly tty: boolean;
  readonly stdin: boolean;
  /** In words; empty or undefined: the default. */
  readonly detachKeys: string | undefined;
  /** Undefined: nothing is attached, the client only waits. */
  readonly stream: ProcessStream | undefined;
  readonly ended: Promise<void>;
  readonly onDetach: () => void;
}): AttachedClient {
  const { stream, stdin } = options;
  const closed = Promise.withResolvers<void>();
  const close = () => {
    closed.resolve();
    stream?.close();
  };
  async function* output(): AsyncGenerator<OutputChunk> {
    if (stream !== undefined) yield* stream.output;
    await Promise.race([options.ended, closed.promise]);
  }
  return {
    tty: options.tty,
    ...(options.detachKeys ? { detachKeys: options.detachKeys } : {}),
    output: output(),
    write: async (data) => {
      if (stdin) await stream?.write(data);
    },
    endInput: () => {
      if (stdin) stream?.endInput();
    },
    detached: () => {
      options.onDetach();
      close();
    },
    close,
  };
}

/**
 * The client of a program that could not be started. Docker answers such a start as any other and sends the reason as
 * output; the exit code is then found by inspect.
 */
export function failedExecClient(tty: boolean, message: string): AttachedClient {
  async function* output(): AsyncGenerator<OutputChunk> {
    yield { stream: "stdout", data: new TextEncoder().encode(`${message}\r\n`) };
  }
  return {
    tty,
    output: output(),
    write: async () => {},
    endInput: () => {},
    detached: () => {},
    close: () => {},
  };
}
