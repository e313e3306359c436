import { CliFailure } from "./failure.ts";
import { text, toggle } from "./flags.ts";

/** The flags that stand before the command. */
export const GLOBAL_FLAGS = {
  host: text("Address of the daemon: unix:///path or tcp://host:port", { short: "H" }),
  version: toggle("Print this program's version and quit", { short: "v" }),
};

export interface GlobalArguments {
  readonly host: string | undefined;
  readonly version: boolean;
  readonly help: boolean;
  /** The command and what belongs to it. */
  readonly rest: readonly string[];
}

/** Takes the flags before the command off a line. Throws CliFailure `usage`. */
export function parseGlobalArguments(argv: readonly string[]): GlobalArguments {
  let host: string | undefined;
  let version = false;
  let help = false;
  let at = 0;
  for (; at < argv.length; at++) {
    const word = argv[at] ?? "";
    if (!word.startsWith("-")) break;
    if (word === "-h" || word === "--help") help = true;
    else if (word === "-v" || word === "--version") version = true;
    else if (word === "-H" || word === "--host") {
      host = argv[++at];
      if (host === undefined) {
        throw new CliFailure(`flag needs an argument: ${word === "-H" ? "'H' in -H" : "--host"}`, "usage");
      }
    } else if (word.startsWith("--host=")) host = word.slice("--host=".length);
    else if (word.startsWith("-H")) host = word.slice(2).replace(/^=/, "");
    else if (word.startsWith("--")) throw new CliFailure(`unknown flag: ${word.split("=")[0]}`, "usage");
    else throw new CliFailure(`unknown shorthand flag: '${word.charAt(1)}' in ${word}`, "usage");
  }
  return { host, version, help, rest: argv.slice(at) };
}

/** What is printed for a wrong one of them. */
export function globalFailureText(failure: CliFailure): string {
  return `${failure.message}\n\nUsage:  berth [OPTIONS] COMMAND [ARG...]\n\nRun 'berth --help' for more information\n`;
}
