import { EngineError } from "../../base/errors.ts";
import { isDigest } from "../../oci/digest.ts";
import { type ImageName, parseImageName, withTag } from "../../oci/reference.ts";

/**
 * What `fromImage` and `tag` of a pull mean. A name without tag and digest means all tags of its repository: the stock
 * client adds `latest` itself. Throws invalid in Docker's words.
 */
export function parsePullTarget(fromImage: string, tag: string): ImageName {
  // `pull -a` of very old clients leaves the colon.
  const name = parseImageName(fromImage.endsWith(":") ? fromImage.slice(0, -1) : fromImage);
  if (tag === "") return name;
  if (!isDigest(tag)) return withTag(name, tag);
  return { domain: name.domain, path: name.path, digest: tag };
}

/** What a push names: a repository, with one tag or all of them. Throws invalid. */
export function parsePushTarget(text: string, tag: string): ImageName {
  const name = parseImageName(text);
  if (name.digest !== undefined) throw new EngineError("invalid", "cannot import digest reference");
  return tag === "" ? name : withTag(name, tag);
}

export function isWholeRepository(name: ImageName): boolean {
  return name.tag === undefined && name.digest === undefined;
}
