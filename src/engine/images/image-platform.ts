import { EngineError } from "../../base/errors.ts";
import { fitsPlatform, formatPlatform, type Platform } from "../../oci/platform.ts";
import { familiarString, parseImageReference, withDefaultTag } from "../../oci/reference.ts";
import type { StoredImage } from "../../store/images.ts";

/** Throws notFound, in Docker's words, for an image that is not for `wanted`. `ref`: how it was asked for. */
export function requirePlatform(image: StoredImage, ref: string, wanted: Platform): void {
  if (fitsPlatform(image.config, wanted)) return;
  const reference = parseImageReference(ref);
  const name = reference.kind === "digest" ? ref : familiarString(withDefaultTag(reference.name));
  throw new EngineError(
    "notFound",
    `image with reference ${name} was found but does not match the specified platform: wanted ${formatPlatform(wanted)}, actual: ${formatPlatform(image.config)}`,
  );
}
