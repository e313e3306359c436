/** Versions of the Engine API: which are spoken, and how a request names one (`/v1.43/containers/json`). */
import { EngineError } from "../base/errors.ts";

export const MIN_API_VERSION = "1.24";
export const MAX_API_VERSION = "1.50";

/** A version that this program speaks; the major number is always 1. */
export interface ApiVersion {
  readonly text: string;
  readonly minor: number;
}

/** What a request without a version speaks. */
export const NEWEST_API_VERSION: ApiVersion = { text: MAX_API_VERSION, minor: minorOf(MAX_API_VERSION) };

const VERSION_PREFIX = /^\/v([0-9.]+)(?=\/)/;

/** Splits `/v1.43/info` in `1.43` and `/info`; without a version `versionText` is undefined. */
export function splitVersionPrefix(path: string): {
  readonly versionText: string | undefined;
  readonly rest: string;
} {
  const match = VERSION_PREFIX.exec(path);
  if (match === null) return { versionText: undefined, rest: path };
  return { versionText: match[1], rest: path.slice(match[0].length) };
}

/** What image archives are asked for with by containers/image (skopeo, Podman, Buildah) up to 5.30: it speaks nothing else. */
export const MIN_ARCHIVE_API_VERSION = "1.22";

/** Throws invalid, in Docker's words, for a version that is too old or too new. */
export function parseApiVersion(text: string, oldest: string = MIN_API_VERSION): ApiVersion {
  if (compareVersions(text, oldest) < 0) {
    throw new EngineError(
      "invalid",
      `client version ${text} is too old. Minimum supported API version is ${MIN_API_VERSION}, please upgrade your client to a newer version`,
    );
  }
  if (compareVersions(text, MAX_API_VERSION) > 0) {
    throw new EngineError(
      "invalid",
      `client version ${text} is too new. Maximum supported API version is ${MAX_API_VERSION}`,
    );
  }
  return { text, minor: minorOf(text) };
}

/** `atLeast(version, "1.42")`: whether the client speaks that version or a newer one. */
export function atLeast(version: ApiVersion, wanted: `1.${number}`): boolean {
  return version.minor >= minorOf(wanted);
}

/** Negative, 0 or positive. Numbers are compared part by part; a missing part counts as 0. */
export function compareVersions(left: string, right: string): number {
  const leftParts = left.split(".");
  const rightParts = right.split(".");
  for (let index = 0; index < Math.max(leftParts.length, rightParts.length); index++) {
    const difference = partOf(leftParts, index) - partOf(rightParts, index);
    if (difference !== 0) return difference;
  }
  return 0;
}

function partOf(parts: readonly string[], index: number): number {
  return Number.parseInt(parts[index] ?? "0", 10) || 0;
}

function minorOf(text: string): number {
  return partOf(text.split("."), 1);
}
