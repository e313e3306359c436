import { demultiplex } from "../../client/demultiplex.ts";
import { defineCommand } from "../command.ts";
import { unixTime } from "../times.ts";

export const logs = defineCommand({
  usage: "logs [OPTIONS] CONTAINER",
  summary: "Fetch the logs of a container",
  flags: {
    follow: { type: "bool", short: "f", help: "Follow log output" },
    since: { type: "string", help: "Show logs since timestamp (2013-01-02T13:23:37Z) or relative (42m)" },
    tail: {
      type: "string",
      short: "n",
      help: "Number of lines to show from the end of the logs (default all)",
    },
    timestamps: { type: "bool", short: "t", help: "Show timestamps" },
    until: { type: "string", help: "Show logs before a timestamp or relative time" },
  },
  positionals: [1, 1],
  async run(context, flags, [name = ""]) {
    const { Config } = await context.client.inspectContainer(name);
    const query = {
      stdout: true,
      stderr: true,
      follow: flags.follow,
      timestamps: flags.timestamps,
      tail: flags.tail,
      since: unixTime(flags.since),
      until: unixTime(flags.until),
    };
    const abort = new AbortController();
    using _interrupt = context.terminal.onSignal("SIGINT", () => abort.abort());
    const { body } = await context.client.containerLogs(name, query, abort.signal);
    if (body === null) return 0;
    if (Config.Tty === true) {
      for await (const chunk of body) await context.out(chunk);
      return 0;
    }
    for await (const { stream, data } of demultiplex(body)) {
      await (stream === "stderr" ? context.err(data) : context.out(data));
    }
    return 0;
  },
});
