/** `info` and `events`. */
import { defineCommand } from "../command.ts";
import { encodeFilters } from "../filters.ts";
import { renderTemplate } from "../render/go-template.ts";
import { unixTime } from "../times.ts";

export const info = defineCommand({
  usage: "info [OPTIONS]",
  summary: "Display system-wide information",
  flags: { format: { type: "string", short: "f", help: "Format output: json, or a Go template" } },
  positionals: [0, 0],
  async run(context, flags) {
    const view = await context.client.info();
    if (flags.format !== undefined) {
      await context.out(`${renderTemplate(flags.format === "json" ? "{{json .}}" : flags.format, view)}\n`);
      return 0;
    }
    const line = (name: string, value: unknown, indent = 1) => `${" ".repeat(indent)}${name}: ${value}\n`;
    await context.out(
      [
        "Server:\n",
        line("Containers", view.Containers),
        line("Running", view.ContainersRunning, 2),
        line("Paused", view.ContainersPaused, 2),
        line("Stopped", view.ContainersStopped, 2),
        line("Images", view.Images),
        line("Server Version", view.ServerVersion),
        line("Storage Driver", view.Driver),
        ...view.DriverStatus.map(([name, value]) => line(name, value, 2)),
        line("Cgroup Driver", view.CgroupDriver),
        line("Cgroup Version", view.CgroupVersion),
        line("Kernel Version", view.KernelVersion),
        line("Operating System", view.OperatingSystem),
        line("OSType", view.OSType),
        line("Architecture", view.Architecture),
        line("CPUs", view.NCPU),
        line("Total Memory", view.MemTotal),
        line("Name", view.Name),
        line("ID", view.ID),
        line("Data Root Dir", view.DockerRootDir),
        line("Live Restore Enabled", view.LiveRestoreEnabled),
      ].join(""),
    );
    return 0;
  },
});

export const events = defineCommand({
  usage: "events [OPTIONS]",
  summary: "Get real time events from the server",
  flags: {
    filter: { type: "list", short: "f", help: "Filter output based on conditions provided" },
    format: { type: "string", help: "Format output: json, or a Go template" },
    since: { type: "string", help: "Show all events created since timestamp" },
    until: { type: "string", help: "Stream events until this timestamp" },
  },
  positionals: [0, 0],
  async run(context, flags) {
    const query = {
      filters: encodeFilters(flags.filter),
      since: unixTime(flags.since),
      until: unixTime(flags.until),
    };
    const abort = new AbortController();
    using _interrupt = context.terminal.onSignal("SIGINT", () => abort.abort());
    for await (const event of context.client.events(query, abort.signal)) {
      if (flags.format === "json") await context.out(`${JSON.stringify(event)}\n`);
      else if (flags.format !== undefined) await context.out(`${renderTemplate(flags.format, event)}\n`);
      else {
        const attributes = Object.entries(event.Actor.Attributes)
          .map(([key, value]) => `${key}=${value}`)
          .sort()
          .join(", ");
        const time = new Date(event.time * 1000).toISOString().slice(0, 19);
        const nanoseconds = String(event.timeNano).slice(-9);
        await context.out(
          `${time}.${nanoseconds}Z ${event.Type} ${event.Action} ${event.Actor.ID} (${attributes})\n`,
        );
      }
    }
    return 0;
  },
});
