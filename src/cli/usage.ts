/** The texts of --help. Widths and columns are Docker's; the words are ours. */
import type { Command } from "./command.ts";
import { type CommandEntry, NOUNS, type Noun, spellings, TOP_VERBS } from "./command-table.ts";
import type { FlagTable } from "./flags.ts";
import { GLOBAL_FLAGS } from "./global-flags.ts";

const WIDTH = 80;

export function commandHelp(entry: CommandEntry, command: Command): string {
  const names = spellings(entry);
  const usage = `berth ${entry.path}${command.arguments === "" ? "" : ` ${command.arguments}`}`;
  const sections = [`Usage:  ${usage}`, entry.summary];
  if (names.length > 1) sections.push(`Aliases:\n  ${names.map((name) => `berth ${name}`).join(", ")}`);
  // `-h` is a host's name in two commands: the flag that shows this text has no short form there or elsewhere.
  const flags = Object.values(command.flags).some(({ hidden }) => !hidden);
  if (flags) sections.push(`Options:\n${flagLines(command.flags)}`);
  return `${sections.join("\n\n")}\n`;
}

export function nounHelp(noun: Noun): string {
  const { summary, verbs } = NOUNS[noun];
  const usage = `Usage:  berth ${noun} COMMAND\n\n${summary}\n\nCommands:\n`;
  return `${usage}${verbLines(verbs)}\n\nRun 'berth ${noun} COMMAND --help' for more information on a command.\n`;
}

export function overview(): string {
  const nouns = Object.entries(NOUNS).map(([noun, { summary }]) => [noun, [summary]] as const);
  return [
    "Usage:  berth [OPTIONS] COMMAND",
    "Containers, images and the engine that runs them",
    `Commands:\n${verbLines({ ...TOP_VERBS, daemon: ["Be the engine"] })}`,
    `Management Commands:\n${verbLines(Object.fromEntries(nouns))}`,
    `Global Options:\n${flagLines(GLOBAL_FLAGS)}`,
    "Run 'berth COMMAND --help' for more information on a command.\n",
  ].join("\n\n");
}

function verbLines(verbs: Readonly<Record<string, readonly [string, ...unknown[]]>>): string {
  const rows = Object.entries(verbs).sort(([a], [b]) => (a < b ? -1 : 1));
  return rows.map(([verb, [summary]]) => `  ${verb.padEnd(12)}${summary}`).join("\n");
}

function flagLines(flags: FlagTable): string {
  const rows = Object.entries(flags)
    .filter(([, { hidden }]) => !hidden)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, flag]) => {
      const short = flag.short === undefined ? "   " : `-${flag.short},`;
      const value = flag.placeholder === undefined ? "" : ` ${flag.placeholder}`;
      return [`  ${short} --${name}${value}`, flag.help] as const;
    });
  const column = Math.max(...rows.map(([left]) => left.length)) + 3;
  return rows.map(([left, help]) => left.padEnd(column) + wrap(help, column)).join("\n");
}

/** Breaks between words so that no line passes the width; later lines begin at `column`. */
function wrap(text: string, column: number): string {
  const room = Math.max(24, WIDTH - column - 1);
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > room) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join(`\n${" ".repeat(column)}`);
}
