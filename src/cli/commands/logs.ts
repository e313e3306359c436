import { demultiplex } from "../../client/demultiplex.ts";
import { defineCommand } from "../command.ts";
import { CliFailure } from "../failure.ts";
import { text, toggle } from "../flags.ts";
import { unixTime } from "../times.ts";

export const logs = defineCommand({
  arguments: "[OPTIONS] CONTAINER",
  flags: {
    details: toggle("What the log driver notes with each line"),
    follow: toggle("Go on with what comes", { short: "f" }),
    since: text("Only from then on: a date (2013-01-02T13:23:37Z) or how long ago (42m)"),
    tail: text("Only so many lines from the end (default all)", { short: "n" }),
    timestamps: toggle("Put its time before each line", { short: "t" }),
    until: text("Only up to then: a date or how long ago"),
  },
  positionals: [1, 1],
  async run({ client, terminal }, flags, [name = ""]) {
    const { headers, body } = await client.containerLogs(name, {
      stdout: true,
      stderr: true,
      details: flags.details,
      follow: flags.follow,
      timestamps: flags.timestamps,
      tail: flags.tail,
      since: timeOf("since", flags.since),
      until: timeOf("until", flags.until),
    });
    // A terminal's output is one stream; the answer's type tells which it is.
    if (headers.get("content-type") === "application/vnd.docker.raw-stream") {
      for await (const chunk of body) await terminal.stream("stdout", chunk);
      return 0;
    }
    for await (const { stream, data } of demultiplex(body)) await terminal.stream(stream, data);
    return 0;
  },
});

function timeOf(flag: string, given: string | undefined): string | undefined {
  try {
    return unixTime(given);
  } catch (error) {
    throw new CliFailure(`invalid value for ${JSON.stringify(flag)}: ${(error as Error).message}`);
  }
}
