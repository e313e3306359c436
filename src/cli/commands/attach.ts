import { EngineError } from "../../base/errors.ts";
import { DEFAULT_DETACH_KEYS, followTerminalSize, joinTerminal } from "../attach-session.ts";
import { defineCommand } from "../command.ts";
import { forwardSignals } from "../signal-proxy.ts";

export const attach = defineCommand({
  usage: "attach [OPTIONS] CONTAINER",
  summary: "Attach local standard input, output, and error streams to a running container",
  flags: {
    "detach-keys": { type: "string", help: "Override the key sequence for detaching" },
    "no-stdin": { type: "bool", help: "Do not attach STDIN" },
    "sig-proxy": { type: "bool", help: "Pass signals on to the process (default true)" },
  },
  positionals: [1, 1],
  async run(context, flags, [name = ""]) {
    const { client } = context;
    const { State, Config } = await client.inspectContainer(name);
    if (!State.Running)
      throw new EngineError("conflict", "cannot attach to a stopped container, start it first");
    if (State.Paused)
      throw new EngineError("conflict", "cannot attach to a paused container, unpause it first");
    if (State.Restarting)
      throw new EngineError("conflict", "cannot attach to a restarting container, wait until it is running");
    const tty = Config.Tty === true;
    const stdin = flags["no-stdin"] !== true && Config.OpenStdin === true;
    const keys = flags["detach-keys"];
    const { result } = await client.waitContainer(name, "not-running");
    const stream = await client.attachContainer(name, {
      stream: true,
      stdin,
      stdout: true,
      stderr: true,
      detachKeys: keys,
    });
    using _signals =
      tty || flags["sig-proxy"] === false
        ? undefined
        : forwardSignals(context, (signal) => client.killContainer(name, signal));
    using _size = tty ? followTerminalSize(context, (h, w) => client.resizeContainer(name, h, w)) : undefined;
    const outcome = await joinTerminal(context, stream, {
      tty,
      stdin,
      detachKeys: keys ?? DEFAULT_DETACH_KEYS,
    });
    if (outcome === "detached") {
      await context.err("read escape sequence\n");
      return 1;
    }
    return (await result).StatusCode;
  },
});
