import { type EngineError, fromUnknown } from "../base/errors.ts";
import type { CliContext } from "./command.ts";
import { failureText } from "./failure.ts";

/**
 * Does one thing to each of several names at once and prints, in their order, what `act` gives, then what went wrong.
 * Exit code 1 when any failed, as Docker's commands give it; a failure that `harmless` knows is told and not counted.
 */
export async function forEachName(
  context: CliContext,
  names: readonly string[],
  act: (name: string) => Promise<string>,
  harmless: (failure: EngineError) => boolean = () => false,
): Promise<number> {
  const outcomes = await Promise.allSettled(names.map(act));
  let output = "";
  let complaints = "";
  let code = 0;
  for (const outcome of outcomes) {
    if (outcome.status === "fulfilled") output += `${outcome.value}\n`;
    else {
      const failure = fromUnknown(outcome.reason);
      complaints += `${failureText(failure)}\n`;
      if (!harmless(failure)) code = 1;
    }
  }
  if (output !== "") await context.out(output);
  if (complaints !== "") await context.err(complaints);
  return code;
}
