import { fromUnknown } from "../../base/errors.ts";
import { checkDetachKeys, followTerminalSize, joinTerminal, requireTerminal } from "../attach-session.ts";
import { type CliContext, defineCommand } from "../command.ts";
import { CliFailure, failureText } from "../failure.ts";
import { text, toggle } from "../flags.ts";
import { forwardSignals } from "../signal-proxy.ts";

export const start = defineCommand({
  arguments: "[OPTIONS] CONTAINER [CONTAINER...]",
  flags: {
    attach: toggle("Show its output and pass signals on", { short: "a" }),
    "detach-keys": text("Keys that leave the container running"),
    interactive: toggle("Pass input on", { short: "i" }),
  },
  positionals: [1, Number.POSITIVE_INFINITY],
  async run(context, flags, names) {
    checkDetachKeys(flags["detach-keys"]);
    const [name = ""] = names;
    if (flags.attach !== true && flags.interactive !== true) return await startAll(context, names);
    if (names.length > 1) throw new CliFailure("you cannot start and attach multiple containers at once");
    return await startAttached(context, name, flags.interactive === true, flags["detach-keys"]);
  },
});

/** One after the other, in the order of the line: a later one may need an earlier one. */
async function startAll(context: CliContext, names: readonly string[]): Promise<number> {
  const failed: string[] = [];
  for (const name of names) {
    try {
      await context.client.startContainer(name);
      await context.out(`${name}\n`);
    } catch (error) {
      failed.push(name);
      await context.err(`${failureText(fromUnknown(error))}\n`);
    }
  }
  if (failed.length === 0) return 0;
  await context.err(`Error: failed to start containers: ${failed.join(", ")}\n`);
  return 1;
}

async function startAttached(
  context: CliContext,
  name: string,
  interactive: boolean,
  detachKeys: string | undefined,
): Promise<number> {
  const { client } = context;
  const { Config, HostConfig, Id: id } = await client.inspectContainer(name);
  const tty = Config.Tty === true;
  const stdin = interactive && Config.OpenStdin === true;
  requireTerminal(context, stdin, tty);
  using _signals = tty ? undefined : forwardSignals(context, (signal) => client.killContainer(id, signal));
  const removed = HostConfig.AutoRemove === true;
  const [stream, waiting] = await Promise.all([
    client.attachContainer(id, { stream: true, stdin, stdout: true, stderr: true, detachKeys }),
    client.waitContainer(id, removed ? "removed" : "next-exit"),
  ]);
  const starting = client.startContainer(id);
  const joined = joinTerminal(context, stream, { tty, stdin, detachKeys });
  joined.catch(() => {});
  try {
    await starting;
  } catch (error) {
    stream.close();
    if (removed) await waiting.result.catch(() => {});
    throw error;
  }
  using _size = tty
    ? followTerminalSize(context, (rows, columns) => client.resizeContainer(id, rows, columns))
    : undefined;
  if ((await joined) === "detached") return 0;
  const { StatusCode, Error: failure } = await waiting.result;
  if (failure !== undefined) throw new CliFailure(failure.Message, "plain", 125);
  return StatusCode;
}
