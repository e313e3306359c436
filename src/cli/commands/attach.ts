import type { ContainerStateView } from "../../api/container-views.ts";
import {
  checkDetachKeys,
  DETACHED,
  followTerminalSize,
  forceRedraw,
  joinTerminal,
  requireTerminal,
} from "../attach-session.ts";
import { defineCommand } from "../command.ts";
import { CliFailure } from "../failure.ts";
import { text, toggle } from "../flags.ts";
import { forwardSignals } from "../signal-proxy.ts";

export const attach = defineCommand({
  arguments: "[OPTIONS] CONTAINER",
  flags: {
    "detach-keys": text("Keys that leave the container running"),
    "no-stdin": toggle("Pass no input on"),
    "sig-proxy": toggle("Pass signals on to the program (default true)"),
  },
  positionals: [1, 1],
  async run(context, flags, [name = ""]) {
    const { client } = context;
    const detachKeys = flags["detach-keys"];
    checkDetachKeys(detachKeys);
    // Asked at once: an end between the two would be missed.
    const [{ State, Config }, { result }] = await Promise.all([
      client.inspectContainer(name),
      client.waitContainer(name),
    ]);
    requireRunning(State);
    const tty = Config.Tty === true;
    requireTerminal(context, flags["no-stdin"] !== true, tty);
    const stdin = flags["no-stdin"] !== true && Config.OpenStdin === true;
    const query = { stream: true, stdin, stdout: true, stderr: true, detachKeys };
    const stream = await client.attachContainer(name, query);
    const resize = (rows: number, columns: number) => client.resizeContainer(name, rows, columns);
    if (tty) await forceRedraw(context, resize);
    using _signals =
      tty || flags["sig-proxy"] === false
        ? undefined
        : forwardSignals(context, (signal) => client.killContainer(name, signal));
    using _size = tty ? followTerminalSize(context, resize) : undefined;
    if ((await joinTerminal(context, stream, { tty, stdin, detachKeys })) === "detached") {
      throw new CliFailure(DETACHED);
    }
    const { StatusCode, Error: failure } = await result;
    if (failure !== undefined) throw new CliFailure(failure.Message);
    return StatusCode;
  },
});

function requireRunning(state: ContainerStateView): void {
  if (!state.Running) throw new CliFailure("You cannot attach to a stopped container, start it first");
  if (state.Paused) throw new CliFailure("You cannot attach to a paused container, unpause it first");
  if (state.Restarting) {
    throw new CliFailure("You cannot attach to a restarting container, wait until it is running");
  }
}
