import { EngineError } from "../base/errors.ts";

const HEX_LENGTH: Readonly<Record<string, number>> = { sha256: 64, sha512: 128 };
const WELL_FORMED = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/;
const LOWER_HEX = /^[0-9a-f]+$/;
const MAX_LENGTH = 512;

export interface Digest {
  readonly algorithm: "sha256" | "sha512";
  /** Lower case. */
  readonly hex: string;
}

/**
 * Parses `sha256:<64 hex>` or `sha512:<128 hex>` (OCI image-spec descriptor.md, "Digests").
 * Throws invalid in Docker's words for another algorithm, a wrong length or anything but lower-case hex.
 */
export function parseDigest(text: string): Digest {
  if (text.length > MAX_LENGTH || !WELL_FORMED.test(text)) {
    throw new EngineError("invalid", "invalid checksum digest format");
  }
  const colon = text.indexOf(":");
  const algorithm = text.slice(0, colon);
  const hex = text.slice(colon + 1);
  if (algorithm !== "sha256" && algorithm !== "sha512") {
    throw new EngineError("invalid", "unsupported digest algorithm");
  }
  if (hex.length !== HEX_LENGTH[algorithm]) {
    throw new EngineError("invalid", "invalid checksum digest length");
  }
  if (!LOWER_HEX.test(hex)) throw new EngineError("invalid", "invalid checksum digest format");
  return { algorithm, hex };
}

export function isDigest(text: string): boolean {
  try {
    parseDigest(text);
    return true;
  } catch {
    return false;
  }
}
