import { EngineError } from "../base/errors.ts";

/**
 * How a failure is shown. `plain`: the message alone. `hint`: behind the program's name, with a word on --help (`run`).
 * `usage`: a flag that was wrong. `count`: too few or too many arguments.
 */
export type FailureStyle = "plain" | "hint" | "usage" | "count";

/** A failure that the command line found itself, with the exit code that Docker's gives for it. */
export class CliFailure extends EngineError {
  constructor(
    message: string,
    readonly style: FailureStyle = "plain",
    readonly exitCode = style === "hint" || style === "usage" ? 125 : 1,
  ) {
    super("invalid", message);
  }
}

/** A flag's value that cannot be read; the message is set behind the flag's name by the parser of the line. */
export class ValueError extends Error {}

/** The message of a caught error as the client shows it: what a daemon said is marked as such. */
export function failureText(error: EngineError): string {
  return `${error.details.status === undefined ? "" : "Error response from daemon: "}${error.message}`;
}
