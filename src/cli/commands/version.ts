import { defineCommand } from "../command.ts";

export const version = defineCommand({
  usage: "version [OPTIONS]",
  summary: "Show the version of berth",
  flags: {
    client: { type: "bool", help: "Ask no daemon" },
  },
  positionals: [0, 0],
  async run(context, flags) {
    const { build } = context;
    const own = [
      `Client:`,
      ` Version:    ${build.version}`,
      ` Git commit: ${build.commit}`,
      ` Built:      ${build.buildTime}`,
    ];
    await context.out(`${own.join("\n")}\n`);
    if (flags.client === true) return 0;
    const daemon = await context.client.version();
    await context.out(`\nServer:\n Version:    ${daemon.Version}\n API:        ${daemon.ApiVersion}\n`);
    return 0;
  },
});
