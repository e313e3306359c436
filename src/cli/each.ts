import { fromUnknown } from "../base/errors.ts";
import type { CliContext } from "./command.ts";

/**
 * Does one thing to each of several names at once and prints, in their order, the name or what went wrong.
 * Exit code 1 when any failed, as Docker's commands give it.
 */
export async function forEachName(
  context: CliContext,
  names: readonly string[],
  act: (name: string) => Promise<string | undefined>,
): Promise<number> {
  const outcomes = await Promise.allSettled(names.map(act));
  let code = 0;
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.status === "fulfilled") {
      await context.out(`${outcome.value ?? names[index]}\n`);
      continue;
    }
    code = 1;
    const failure = fromUnknown(outcome.reason);
    const prefix = failure.details.status === undefined ? "" : "Error response from daemon: ";
    await context.err(`${prefix}${failure.message}\n`);
  }
  return code;
}
