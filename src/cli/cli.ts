import { fromUnknown } from "../base/errors.ts";
import { parseArguments } from "./arguments.ts";
import type { CliContext, Command } from "./command.ts";
import { type CommandEntry, findCommand, isNoun } from "./command-table.ts";
import { CliFailure, failureText } from "./failure.ts";

/**
 * Runs one command line (without the program's name and its own flags) and gives its exit code, as Docker's CLI does:
 * the command's own for what ran in a container, 125/126/127 for what did not, 1 for other failures.
 */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  const [first = ""] = argv;
  if (first === "") return await showHelp(context.err, []);
  if (first === "help") return await showHelp(context.out, argv.slice(1));
  const { entry, path, rest } = findCommand(argv);
  if (entry !== undefined) return await runCommand(entry, rest, context);
  const noun = isNoun(first) ? first : undefined;
  const wantsHelp = rest.includes("--help") || rest.includes("-h");
  if (noun !== undefined && (path.length === 1 || wantsHelp)) {
    return await showHelp(wantsHelp ? context.out : context.err, [noun]);
  }
  if (wantsHelp) return await showHelp(context.out, []);
  const usage = noun === undefined ? "" : `Usage:  berth ${noun}\n\n`;
  const help = noun === undefined ? "berth" : `berth ${noun}`;
  await context.err(
    `berth: unknown command: berth ${path.join(" ")}\n\n${usage}Run '${help} --help' for more information\n`,
  );
  return 1;
}

type Write = (data: string) => Promise<void>;

/** `help`, `help ps`, `container --help`. */
async function showHelp(write: Write, words: readonly string[]): Promise<number> {
  // Few command lines ask for help: none of the others pays for its text.
  const { commandHelp, nounHelp, overview } = await import("./usage.ts");
  const [first] = words;
  if (first === undefined) await write(overview());
  else {
    const { entry } = findCommand(words);
    if (entry !== undefined) await write(commandHelp(entry, await entry.load()));
    else if (isNoun(first)) await write(nounHelp(first));
    else throw new CliFailure(`unknown help topic: ${words.join(" ")}`);
  }
  return 0;
}

async function runCommand(
  entry: CommandEntry,
  args: readonly string[],
  context: CliContext,
): Promise<number> {
  const command = await entry.load();
  try {
    const { flags, positionals, help, remarks } = parseArguments(command, args);
    for (const remark of remarks) await context.out(`${remark}\n`);
    if (help) return await showHelp(context.out, entry.path.split(" "));
    return await command.run(context, flags, positionals);
  } catch (error) {
    // The reader of our output has gone: that is the caller's affair, and no failure of the command.
    if ((error as NodeJS.ErrnoException).code === "EPIPE") throw error;
    const failure = error instanceof CliFailure ? error : fromUnknown(error);
    const [text, code] = describeFailure(failure, entry, command);
    if (text !== "") await context.err(`${text}\n`);
    return code;
  }
}

function describeFailure(
  failure: ReturnType<typeof fromUnknown>,
  entry: CommandEntry,
  command: Command,
): [string, number] {
  const name = `berth ${entry.path}`;
  const usage = `Usage:  ${name}${command.arguments === "" ? "" : ` ${command.arguments}`}`;
  const hint = `'${name} --help' for more information`;
  if (!(failure instanceof CliFailure)) return [failureText(failure), 1];
  const { message, exitCode } = failure;
  if (failure.style === "hint") return [`berth: ${message}\n\nRun ${hint}`, exitCode];
  if (failure.style === "usage") return [`${message}\n\n${usage}\n\nRun ${hint}`, exitCode];
  if (failure.style === "plain") return [message, exitCode];
  const verb = /at least \d+ arguments?$/.test(message) ? "See" : "Run";
  return [`berth: '${name}' ${message}\n\n${usage}\n\n${verb} ${hint}`, exitCode];
}
