/**
 * The one error type of the program. Inner layers throw it with a kind; only the edges translate it
 * (`server/` to HTTP statuses, `cli/` to exit codes).
 */
export type ErrorKind =
  | "invalid"
  | "unauthenticated"
  | "denied"
  | "notFound"
  | "alreadyExists"
  | "conflict"
  | "failedPrecondition"
  | "notModified"
  | "exhausted"
  | "unavailable"
  | "canceled"
  | "deadline"
  | "unimplemented"
  | "dataLoss"
  | "internal";

export type ErrorDetails = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * An expected failure. `message` is meant for the person who asked: what was asked, what is wrong, what to do,
 * in Docker's wording where tools match on it.
 */
export class EngineError extends Error {
  override readonly name = "EngineError";
  readonly kind: ErrorKind;
  readonly details: ErrorDetails;

  constructor(kind: ErrorKind, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.details = options.details ?? {};
  }
}

/** A broken invariant of our own: never the caller's fault, always worth a log line with its stack. */
export class BugError extends Error {
  override readonly name = "BugError";
}

/**
 * The only funnel from `catch (error: unknown)` to an EngineError. System errors keep their code in
 * `details.code`; everything unexpected becomes `internal` with the original as its cause.
 */
export function fromUnknown(error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  if (error instanceof Error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (error.name === "AbortError") return new EngineError("canceled", "canceled", { cause: error });
    const kind = typeof code === "string" ? (KIND_OF_ERRNO[code] ?? "internal") : "internal";
    return new EngineError(kind, error.message, { cause: error, details: { code } });
  }
  return new EngineError("internal", String(error), { cause: error });
}

const KIND_OF_ERRNO: Readonly<Record<string, ErrorKind>> = {
  ENOSPC: "exhausted",
  EMFILE: "exhausted",
  ENFILE: "exhausted",
  ENOMEM: "exhausted",
  EDQUOT: "exhausted",
  ABORT_ERR: "canceled",
};

/** True when `error` is an EngineError of `kind`. */
export function isKind(error: unknown, kind: ErrorKind): error is EngineError {
  return error instanceof EngineError && error.kind === kind;
}
