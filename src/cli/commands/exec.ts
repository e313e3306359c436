import type { FlagTable } from "../arguments.ts";
import { DEFAULT_DETACH_KEYS, followTerminalSize, joinTerminal } from "../attach-session.ts";
import { defineCommand } from "../command.ts";

const FLAGS = {
  detach: { type: "bool", short: "d", help: "Run command in the background" },
  "detach-keys": { type: "string", help: "Override the key sequence for detaching" },
  env: { type: "list", short: "e", help: "Set environment variables" },
  interactive: { type: "bool", short: "i", help: "Keep STDIN open even if not attached" },
  privileged: { type: "bool", help: "Give extended privileges to the command" },
  tty: { type: "bool", short: "t", help: "Allocate a pseudo-TTY" },
  user: { type: "string", short: "u", help: "Username or UID (format: <name|uid>[:<group|gid>])" },
  workdir: { type: "string", short: "w", help: "Working directory inside the container" },
} as const satisfies FlagTable;

export const exec = defineCommand({
  usage: "exec [OPTIONS] CONTAINER COMMAND [ARG...]",
  summary: "Execute a command in a running container",
  flags: FLAGS,
  positionals: [2, Number.POSITIVE_INFINITY],
  stopAtPositional: true,
  failureCode: 1,
  async run(context, flags, [name = "", ...command]) {
    const { client } = context;
    const attached = flags.detach !== true;
    const tty = flags.tty === true;
    const stdin = flags.interactive === true && attached;
    const size = tty ? context.terminal.size() : undefined;
    const consoleSize: [number, number] | undefined =
      size === undefined ? undefined : [size.rows, size.columns];
    const { Id: id } = await client.createExec(name, {
      AttachStdin: stdin,
      AttachStdout: attached,
      AttachStderr: attached,
      ConsoleSize: consoleSize,
      DetachKeys: flags["detach-keys"],
      Tty: tty,
      Env: flags.env.map((entry) =>
        entry.includes("=") ? entry : `${entry}=${context.environment[entry] ?? ""}`,
      ),
      Cmd: command,
      Privileged: flags.privileged === true,
      User: flags.user,
      WorkingDir: flags.workdir,
    });
    if (!attached) {
      await client.startExecDetached(id);
      return 0;
    }
    const stream = await client.startExec(id, { Tty: tty, ConsoleSize: consoleSize });
    using _size = tty ? followTerminalSize(context, (h, w) => client.resizeExec(id, h, w)) : undefined;
    const options = { tty, stdin, detachKeys: flags["detach-keys"] ?? DEFAULT_DETACH_KEYS };
    if ((await joinTerminal(context, stream, options)) === "detached") return 0;
    return (await client.inspectExec(id)).ExitCode ?? 0;
  },
});
