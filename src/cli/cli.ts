import { fromUnknown } from "../base/errors.ts";
import { HelpRequested, helpText, parseArguments, UsageError } from "./arguments.ts";
import type { CliContext, Command } from "./command.ts";
import { COMMANDS, type CommandEntry } from "./command-table.ts";

/**
 * Runs one command line (without the program's name) and gives its exit code, as Docker's CLI does: the command's own
 * for what ran in a container, 125/126/127 for what did not, 1 for other failures.
 */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  const [name = "", ...args] = argv;
  if (name === "" || name === "--help" || name === "-h" || name === "help") {
    await context.out(overview());
    return 0;
  }
  if (name === "--version" || name === "-v") {
    await context.out(`berth version ${context.build.version}, build ${context.build.commit}\n`);
    return 0;
  }
  const [entry, rest] = findCommand(name, args);
  if (entry === undefined) {
    await context.err(`berth: '${name}' is not a berth command.\nSee 'berth --help'\n`);
    return 1;
  }
  return await runCommand(await entry.load(), rest, context);
}

/** `container run` is `run`, `image ls` is `images`: the noun is looked up first, then the verb behind it. */
function findCommand(name: string, args: readonly string[]): [CommandEntry | undefined, readonly string[]] {
  const [verb = "", ...rest] = args;
  const nested = COMMANDS[`${name} ${verb}`];
  return nested === undefined ? [COMMANDS[name], args] : [nested, rest];
}

async function runCommand(command: Command, args: readonly string[], context: CliContext): Promise<number> {
  try {
    const { flags, positionals } = parseArguments(command, args);
    return await command.run(context, flags, positionals);
  } catch (error) {
    if (error instanceof HelpRequested) {
      await context.out(helpText(command));
      return 0;
    }
    const name = `berth ${command.usage.split(" ")[0]}`;
    const hint = `See '${name} --help'.\n`;
    if (error instanceof UsageError) {
      await context.err(`${error.message}\n${hint}\nUsage:  berth ${command.usage}\n\n${command.summary}\n`);
      return command.failureCode ?? 1;
    }
    const failure = fromUnknown(error);
    if (failure.kind === "canceled") return 130;
    const fromDaemon = failure.details.status !== undefined;
    await context.err(`${fromDaemon ? "Error response from daemon: " : ""}${failure.message}\n`);
    return command.failureCode === undefined ? 1 : launchFailureCode(failure.message, command.failureCode);
  }
}

/** Docker's CLI reads the exit code of a program that could not be started out of the daemon's message. */
export function launchFailureCode(message: string, otherwise: number): number {
  if (
    /executable file not found|no such file or directory|system cannot find the file specified/.test(message)
  )
    return 127;
  if (/permission denied|is a directory/.test(message)) return 126;
  return otherwise;
}

function overview(): string {
  const names = Object.entries(COMMANDS).filter(([name]) => !name.includes(" "));
  const width = Math.max(...names.map(([name]) => name.length)) + 2;
  const lines = names.map(([name, entry]) => `  ${name.padEnd(width)}${entry.summary}`);
  return `Usage:  berth COMMAND\n\nContainers, images and the engine that runs them\n\nCommands:\n${lines.join("\n")}\n\nRun 'berth COMMAND --help' for more information on a command.\n`;
}
