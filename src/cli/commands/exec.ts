import {
  checkDetachKeys,
  DETACHED,
  followTerminalSize,
  joinTerminal,
  requireTerminal,
} from "../attach-session.ts";
import { defineCommand } from "../command.ts";
import { readKeyValueFiles, withCallerValues } from "../environment-files.ts";
import { CliFailure } from "../failure.ts";
import { text, texts, toggle } from "../flags.ts";
import { checkVariable } from "../values/settings.ts";

export const exec = defineCommand({
  arguments: "[OPTIONS] CONTAINER COMMAND [ARG...]",
  flags: {
    detach: toggle("Leave it in the background", { short: "d" }),
    "detach-keys": text("Keys that leave the command running"),
    env: texts(
      "An environment variable (NAME=value, or NAME for the caller's own)",
      { short: "e" },
      checkVariable,
    ),
    "env-file": texts("A file of environment variables"),
    interactive: toggle("Pass input on", { short: "i" }),
    privileged: toggle("Nearly all that root on the host may do"),
    tty: toggle("Give it a terminal", { short: "t" }),
    user: text("User and group, by name or number (user[:group])", { short: "u" }),
    workdir: text("Working directory", { short: "w" }),
  },
  positionals: [2, Number.POSITIVE_INFINITY],
  stopAtPositional: true,
  async run(context, flags, [name = "", ...command]) {
    const { client } = context;
    const detachKeys = flags["detach-keys"];
    checkDetachKeys(detachKeys);
    const attached = flags.detach !== true;
    const tty = flags.tty === true;
    const stdin = flags.interactive === true && attached;
    requireTerminal(context, stdin, tty);
    const variables = readKeyValueFiles(flags["env-file"], "plain");
    const size = tty ? context.terminal.size() : undefined;
    const ConsoleSize: [number, number] | undefined =
      size === undefined ? undefined : [size.rows, size.columns];
    if (attached) client.expectAttach();
    const { Id: id } = await client.createExec(name, {
      AttachStdin: stdin,
      AttachStdout: attached,
      AttachStderr: attached,
      ConsoleSize,
      DetachKeys: detachKeys,
      Tty: tty,
      Env: withCallerValues(variables, flags.env, context.environment),
      Cmd: command,
      Privileged: flags.privileged,
      User: flags.user,
      WorkingDir: flags.workdir,
    });
    if (!attached) {
      await client.startExecDetached(id, tty);
      return 0;
    }
    const stream = await client.startExec(id, { Tty: tty, ConsoleSize });
    // Asked now, so that nothing has to be asked after the end.
    const ending = client.inspectExec(id, { wait: true });
    ending.catch(() => {});
    using _size = tty
      ? followTerminalSize(context, (rows, columns) => client.resizeExec(id, rows, columns))
      : undefined;
    if ((await joinTerminal(context, stream, { tty, stdin, detachKeys })) === "detached") {
      throw new CliFailure(DETACHED);
    }
    const told = await ending;
    return (told.Running ? await client.inspectExec(id) : told).ExitCode ?? 0;
  },
});
