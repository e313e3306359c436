import type { CliContext } from "./command.ts";
import type { ProgressOutput } from "./render/progress.ts";

/** A terminal that does not know its own width. */
const ANY_WIDTH = 200;

/** Where progress is shown: with bars when that stream is a terminal. */
export function progressOutput(context: CliContext, to: "stdout" | "stderr" = "stdout"): ProgressOutput {
  const { terminal } = context;
  const onTerminal = terminal.isTerminal(to);
  return {
    write: to === "stdout" ? context.out : context.err,
    columns: () => (onTerminal ? (terminal.size(to)?.columns ?? ANY_WIDTH) : undefined),
  };
}
