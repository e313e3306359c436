import type { ContainerCreateResponse } from "../../api/container-config.ts";
import { EngineError, fromUnknown, isKind } from "../../base/errors.ts";
import type { FlagTable, FlagValues } from "../arguments.ts";
import { UsageError } from "../arguments.ts";
import { DEFAULT_DETACH_KEYS, followTerminalSize, joinTerminal } from "../attach-session.ts";
import { type CliContext, defineCommand } from "../command.ts";
import { CONTAINER_FLAGS } from "../container-flags.ts";
import { attachedStreams, type ContainerFlagValues, containerRequest } from "../container-request.ts";
import { forwardSignals } from "../signal-proxy.ts";

const RUN_FLAGS = {
  ...CONTAINER_FLAGS,
  detach: { type: "bool", short: "d", help: "Run the container in the background and print its ID" },
  "detach-keys": { type: "string", help: "Override the key sequence for detaching" },
  "sig-proxy": { type: "bool", help: "Pass signals on to the process (default true)" },
  cidfile: { type: "string", help: "Write the container ID to the file" },
} as const satisfies FlagTable;

export const run = defineCommand({
  usage: "run [OPTIONS] IMAGE [COMMAND] [ARG...]",
  summary: "Create and run a new container from an image",
  flags: RUN_FLAGS,
  positionals: [1, Number.POSITIVE_INFINITY],
  stopAtPositional: true,
  failureCode: 125,
  async run(context, flags, positionals) {
    const attached = attachedStreams(flags);
    if (flags.detach === true && flags.attach.length > 0)
      throw new UsageError("Conflicting options: -a and -d");
    if (flags.detach !== true && flags.tty === true && attached.stdin && !context.terminal.stdinIsTerminal) {
      throw new UsageError("the input device is not a TTY");
    }
    const { Id: id } = await createContainer(context, flags, positionals);
    if (flags.detach === true) {
      await startOrRemove(context, id, flags);
      await context.out(`${id}\n`);
      return 0;
    }
    return await runAttached(context, id, flags, attached);
  },
});

/** Creates, prints the daemon's warnings and writes --cidfile. */
export async function createContainer(
  context: CliContext,
  flags: ContainerFlagValues & {
    readonly cidfile?: string | undefined;
    readonly detach?: boolean | undefined;
  },
  positionals: readonly string[],
): Promise<ContainerCreateResponse> {
  const { existsSync, writeFileSync } = await import("node:fs");
  if (flags.cidfile !== undefined && existsSync(flags.cidfile)) {
    throw new EngineError(
      "invalid",
      `container ID file found, make sure the other container isn't running or delete ${flags.cidfile}`,
    );
  }
  const request = containerRequest(flags, positionals, context.environment);
  if (flags.detach === true) {
    Object.assign(request, {
      AttachStdin: false,
      AttachStdout: false,
      AttachStderr: false,
      StdinOnce: false,
    });
  }
  const size = context.terminal.size();
  if (request.Tty === true && size !== undefined && request.HostConfig) {
    request.HostConfig.ConsoleSize = [size.rows, size.columns];
  }
  const created = await createOrPull(context, request, flags.name);
  for (const warning of created.Warnings) await context.err(`WARNING: ${warning}\n`);
  if (flags.cidfile !== undefined) writeFileSync(flags.cidfile, created.Id);
  return created;
}

/** An unknown image is asked of a registry, as Docker does; the daemon says so where it cannot. */
async function createOrPull(
  context: CliContext,
  request: Parameters<CliContext["client"]["createContainer"]>[0],
  name: string | undefined,
): Promise<ContainerCreateResponse> {
  try {
    return await context.client.createContainer(request, name);
  } catch (error) {
    if (!isKind(error, "notFound") || !error.message.startsWith("No such image")) throw error;
  }
  const image = request.Image ?? "";
  await context.err(`Unable to find image '${withTag(image)}' locally\n`);
  for await (const message of context.client.pullImage({ fromImage: image })) {
    if (message.error !== undefined) throw new EngineError("internal", message.error);
  }
  return await context.client.createContainer(request, name);
}

const withTag = (image: string) => (/[:@][^/]*$/.test(image) ? image : `${image}:latest`);

async function runAttached(
  context: CliContext,
  id: string,
  flags: FlagValues<typeof RUN_FLAGS>,
  attached: ReturnType<typeof attachedStreams>,
): Promise<number> {
  const { client } = context;
  const detachKeys = flags["detach-keys"] ?? DEFAULT_DETACH_KEYS;
  const query = { stream: true, ...attached, detachKeys: flags["detach-keys"] };
  const [stream, waiting] = await Promise.all([
    client.attachContainer(id, query),
    client.waitContainer(id, flags.rm === true ? "removed" : "next-exit"),
  ]);
  const options = { tty: flags.tty === true, stdin: attached.stdin, detachKeys };
  // Output is read from here on: a program that has ended before `start` is answered still shows what it said.
  using _signals =
    flags["sig-proxy"] === false || options.tty
      ? undefined
      : forwardSignals(context, (name) => client.killContainer(id, name));
  const start = startOrRemove(context, id, flags);
  const joined = start.then(async () => {
    using _size = options.tty
      ? followTerminalSize(context, (h, w) => client.resizeContainer(id, h, w))
      : undefined;
    return await joinTerminal(context, stream, options);
  });
  await start.catch((error) => {
    stream.close();
    throw error;
  });
  if ((await joined) === "detached") {
    await context.err("read escape sequence\n");
    return 0;
  }
  const ended = await waiting.result;
  if (ended.Error !== undefined) await context.err(`${ended.Error.Message}\n`);
  return ended.StatusCode;
}

/** A container that could not be started is removed when it was to be removed at its end. */
async function startOrRemove(
  context: CliContext,
  id: string,
  flags: { readonly rm: boolean | undefined },
): Promise<void> {
  try {
    await context.client.startContainer(id);
  } catch (error) {
    // The daemon removes it as well; whoever comes second finds nothing.
    if (flags.rm === true)
      await context.client.removeContainer(id, { force: true, v: true }).catch(fromUnknown);
    throw error;
  }
}
