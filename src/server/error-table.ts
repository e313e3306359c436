/** The one place where an error becomes an HTTP answer, with Docker's statuses. */
import { type EngineError, type ErrorKind, fromUnknown } from "../base/errors.ts";

/** What Docker has no status for (a full disk, lost data, an unexpected error) is 500, as in Docker. */
const STATUS_OF_KIND: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  failedPrecondition: 400,
  unauthenticated: 401,
  denied: 403,
  notFound: 404,
  alreadyExists: 409,
  conflict: 409,
  notModified: 304,
  unimplemented: 501,
  unavailable: 503,
  exhausted: 500,
  canceled: 500,
  deadline: 500,
  dataLoss: 500,
  internal: 500,
};

export interface ErrorAnswer {
  readonly status: number;
  /** Undefined: an answer without a body (304). */
  readonly body: { readonly message: string } | undefined;
  readonly error: EngineError;
}

export function answerOf(thrown: unknown): ErrorAnswer {
  const error = fromUnknown(thrown);
  const status = STATUS_OF_KIND[error.kind];
  return { status, body: status === 304 ? undefined : { message: error.message }, error };
}
