import { fromUnknown } from "../../base/errors.ts";
import { checkDetachKeys, followTerminalSize, joinTerminal, requireTerminal } from "../attach-session.ts";
import { type CliContext, defineCommand } from "../command.ts";
import { createContainer } from "../container-creation.ts";
import { CONTAINER_FLAGS } from "../container-flags.ts";
import { attachedStreams } from "../container-request.ts";
import { CliFailure, failureText } from "../failure.ts";
import { type FlagValues, text, toggle } from "../flags.ts";
import { forwardSignals } from "../signal-proxy.ts";

const RUN_FLAGS = {
  ...CONTAINER_FLAGS,
  detach: toggle("Leave it in the background and print its ID", { short: "d" }),
  "detach-keys": text("Keys that leave the container running"),
  "sig-proxy": toggle("Pass signals on to the program (default true)"),
};

type RunFlags = FlagValues<typeof RUN_FLAGS>;

export const run = defineCommand({
  arguments: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  flags: RUN_FLAGS,
  positionals: [1, Number.POSITIVE_INFINITY],
  stopAtPositional: true,
  async run(context, flags, positionals) {
    const attached = attachedStreams(flags);
    checkDetachKeys(flags["detach-keys"]);
    try {
      return await (flags.detach === true
        ? runDetached(context, flags, positionals)
        : runAttached(context, flags, positionals, attached));
    } catch (error) {
      throw launchFailure(error);
    }
  },
});

const NOTHING_ATTACHED = {
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  StdinOnce: false,
} as const;

async function runDetached(
  context: CliContext,
  flags: RunFlags,
  positionals: readonly string[],
): Promise<number> {
  if (flags.attach.length > 0) {
    throw new CliFailure("conflicting options: cannot specify both --attach and --detach");
  }
  const { id } = await createContainer(context, flags, positionals, NOTHING_ATTACHED);
  await context.out(`${id}\n`);
  await context.client.startContainer(id);
  return 0;
}

async function runAttached(
  context: CliContext,
  flags: RunFlags,
  positionals: readonly string[],
  attached: ReturnType<typeof attachedStreams>,
): Promise<number> {
  const { client } = context;
  const tty = flags.tty === true;
  requireTerminal(context, attached.stdin, tty);
  client.expectAttach();
  const { id } = await createContainer(context, flags, positionals, {});
  using _signals =
    flags["sig-proxy"] === false
      ? undefined
      : forwardSignals(context, (signal) => client.killContainer(id, signal));
  const detachKeys = flags["detach-keys"];
  const [stream, waiting] = await Promise.all([
    client.attachContainer(id, { stream: true, ...attached, detachKeys }),
    client.waitContainer(id, flags.rm === true ? "removed" : "next-exit"),
  ]);
  const starting = client.startContainer(id);
  // Output is read from here on: a program that has ended before `start` is answered still shows what it said.
  const joined = joinTerminal(context, stream, { tty, stdin: attached.stdin, detachKeys });
  joined.catch(() => {});
  try {
    await starting;
  } catch (error) {
    stream.close();
    // The daemon removes what it could not start; the name is free when the caller reads of it.
    if (flags.rm === true) await waiting.result.catch(() => {});
    throw error;
  }
  using _size = tty
    ? followTerminalSize(context, (rows, columns) => client.resizeContainer(id, rows, columns))
    : undefined;
  if ((await joined) === "detached") return 0;
  const { StatusCode, Error: failure } = await waiting.result;
  if (failure === undefined) return StatusCode;
  throw new CliFailure(failure.Message, "plain", 125);
}

/** What the daemon refused, behind the program's name. What the client found itself stays as it is. */
function launchFailure(error: unknown): unknown {
  if (error instanceof CliFailure) return error;
  const failure = fromUnknown(error);
  if (failure.details.code === "EPIPE") return error;
  return new CliFailure(failureText(failure), "hint", launchFailureCode(failure.message));
}

/** Docker's CLI reads the exit code of a program that could not be started out of the daemon's message. */
export function launchFailureCode(message: string): 125 | 126 | 127 {
  const missing = /executable file not found|no such file or directory|system cannot find the file specified/;
  if (missing.test(message)) return 127;
  return /permission denied|is a directory/.test(message) ? 126 : 125;
}
