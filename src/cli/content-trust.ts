import { EngineError } from "../base/errors.ts";
import type { CallerEnvironment } from "./environment-files.ts";
import { toggle } from "./flags.ts";

export const CONTENT_TRUST_FLAG = toggle("Do not look at signatures (default true)");

/** Signatures are never left unchecked where somebody asked for them. Throws unimplemented. */
export function requireNoContentTrust(disabled: boolean | undefined, environment: CallerEnvironment): void {
  const asked = /^(?:1|t|true)$/i.test(environment.DOCKER_CONTENT_TRUST ?? "");
  if (disabled === true || (disabled === undefined && !asked)) return;
  throw new EngineError("unimplemented", "checking signatures (content trust) is not available in berth yet");
}
