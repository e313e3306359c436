import { UsageError } from "../arguments.ts";
import { DEFAULT_DETACH_KEYS, followTerminalSize, joinTerminal } from "../attach-session.ts";
import { type CliContext, defineCommand } from "../command.ts";
import { forEachName } from "../each.ts";

export const start = defineCommand({
  usage: "start [OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Start one or more stopped containers",
  flags: {
    attach: { type: "bool", short: "a", help: "Attach STDOUT/STDERR and forward signals" },
    interactive: { type: "bool", short: "i", help: "Attach container's STDIN" },
    "detach-keys": { type: "string", help: "Override the key sequence for detaching" },
  },
  positionals: [1, Number.POSITIVE_INFINITY],
  async run(context, flags, names) {
    if (flags.attach !== true && flags.interactive !== true) {
      return await forEachName(context, names, async (name) => {
        await context.client.startContainer(name).catch((error) => {
          if (error.kind !== "notModified") throw error;
        });
        return undefined;
      });
    }
    if (names.length > 1) throw new UsageError("you cannot start and attach multiple containers at once");
    const [name = ""] = names;
    return await startAttached(context, name, flags.interactive === true, flags["detach-keys"]);
  },
});

async function startAttached(
  context: CliContext,
  name: string,
  interactive: boolean,
  keys: string | undefined,
): Promise<number> {
  const { client } = context;
  const container = await client.inspectContainer(name);
  const tty = container.Config.Tty === true;
  const stdin = interactive && container.Config.OpenStdin === true;
  const [stream, waiting] = await Promise.all([
    client.attachContainer(name, { stream: true, stdin, stdout: true, stderr: true, detachKeys: keys }),
    client.waitContainer(name, container.HostConfig.AutoRemove === true ? "removed" : "next-exit"),
  ]);
  await client.startContainer(name);
  using _size = tty ? followTerminalSize(context, (h, w) => client.resizeContainer(name, h, w)) : undefined;
  const outcome = await joinTerminal(context, stream, {
    tty,
    stdin,
    detachKeys: keys ?? DEFAULT_DETACH_KEYS,
  });
  if (outcome === "detached") return 0;
  return (await waiting.result).StatusCode;
}
