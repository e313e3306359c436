import type { Command } from "./command.ts";

/** A command is loaded when it is invoked: no command line pays for another's code. */
export interface CommandEntry {
  readonly summary: string;
  load(): Promise<Command>;
}

export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  version: {
    summary: "Show the version of berth",
    load: async () => (await import("./commands/version.ts")).version,
  },
};
