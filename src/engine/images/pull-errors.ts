import { EngineError, isKind } from "../../base/errors.ts";

const NO_PASSWORD = "no basic auth credentials";

/**
 * A registry's refusal as the API tells it. Whether a repository is private or does not exist is not for strangers to know:
 * both are not found, as in Docker. A 401 would make the stock client ask for a password and try again: dockerd never answers
 * a pull with one. The words are the registry client's.
 */
export function pullError(thrown: unknown): unknown {
  const kind = isKind(thrown, "denied")
    ? "notFound"
    : isKind(thrown, "unauthenticated")
      ? "internal"
      : undefined;
  if (kind === undefined || !(thrown instanceof EngineError)) return thrown;
  return new EngineError(kind, thrown.message, { cause: thrown, details: thrown.details });
}

/** In Docker a push that wants a password says only that; scripts look for these words. */
export function pushError(thrown: unknown): unknown {
  if (!isKind(thrown, "unauthenticated") || !thrown.message.endsWith(NO_PASSWORD)) return thrown;
  return new EngineError(thrown.kind, NO_PASSWORD, { cause: thrown });
}
