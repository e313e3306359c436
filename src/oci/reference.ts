/**
 * Names of images as Docker reads and writes them. Grammar: distribution/reference, package documentation;
 * `name[:tag][@digest]`, `name` being `[host[:port]/]path`.
 */
import { EngineError } from "../base/errors.ts";
import { isDigest, parseDigest } from "./digest.ts";

const DEFAULT_DOMAIN = "docker.io";
/** The Hub's name in the days of registry v1; still typed, never printed. */
const LEGACY_DOMAIN = "index.docker.io";
const OFFICIAL_PREFIX = "library/";
const DEFAULT_TAG = "latest";
const MAX_PATH_LENGTH = 255;
/** Far above any name that passes; keeps the expressions below away from absurd input. */
const MAX_LENGTH = 2048;

const LABEL = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const HOST = `(?:${LABEL}(?:\\.${LABEL})*|\\[[a-fA-F0-9:]+\\])`;
const DOMAIN = `${HOST}(?::[0-9]+)?`;
const COMPONENT = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const PATH = `${COMPONENT}(?:/${COMPONENT})*`;
const TAG = "\\w[\\w.-]{0,127}";
const DIGEST = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";

const REFERENCE = new RegExp(`^((?:${DOMAIN}/)?${PATH})(?::(${TAG}))?(?:@(${DIGEST}))?$`);
const NAME = new RegExp(`^(?:(${DOMAIN})/)?(${PATH})$`);
const WHOLE_TAG = new RegExp(`^${TAG}$`);
const IDENTIFIER = /^[a-f0-9]{64}$/;

/** A name in canonical form: `domain` and `path` are always there (`docker.io`, `library/busybox`). */
export interface ImageName {
  readonly domain: string;
  readonly path: string;
  readonly tag?: string;
  readonly digest?: string;
}

const invalid = (message: string) => new EngineError("invalid", message);

/**
 * Reads what a user types for an image. Adds `docker.io` and `library/`, never a tag.
 * Throws invalid: "invalid reference format" and its relatives, letter for letter Docker's.
 */
export function parseImageName(text: string): ImageName {
  if (IDENTIFIER.test(text)) {
    throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  }
  if (text.length > MAX_LENGTH) throw invalid("invalid reference format");
  const { domain, remainder } = splitDomain(text);
  const colon = remainder.indexOf(":");
  const remote = colon < 0 ? remainder : remainder.slice(0, colon);
  if (remote.toLowerCase() !== remote) {
    throw invalid(`invalid reference format: repository name (${remote}) must be lowercase`);
  }
  return parseCanonical(`${domain}/${remainder}`);
}

/** A string without `/` is never a host; before a `/`, a dot, a colon, a capital or `localhost` makes one. */
function splitDomain(text: string): { domain: string; remainder: string } {
  const slash = text.indexOf("/");
  if (slash < 0) return { domain: DEFAULT_DOMAIN, remainder: OFFICIAL_PREFIX + text };
  const first = text.slice(0, slash);
  const rest = text.slice(slash + 1);
  const isHost = first === "localhost" || /[.:]/.test(first) || first.toLowerCase() !== first;
  const domain = first === LEGACY_DOMAIN || !isHost ? DEFAULT_DOMAIN : first;
  const remainder = isHost ? rest : text;
  const official = domain === DEFAULT_DOMAIN && !remainder.includes("/");
  return { domain, remainder: official ? OFFICIAL_PREFIX + remainder : remainder };
}

function parseCanonical(text: string): ImageName {
  const match = REFERENCE.exec(text);
  if (match === null) {
    const lower = text.toLowerCase();
    if (lower !== text && REFERENCE.test(lower)) throw invalid("repository name must be lowercase");
    throw invalid("invalid reference format");
  }
  const [, name = "", tag, digest] = match;
  const [, domain = "", path = ""] = NAME.exec(name) ?? [];
  if (path.length > MAX_PATH_LENGTH) {
    throw invalid(`repository name must not be more than ${MAX_PATH_LENGTH} characters`);
  }
  if (digest !== undefined) parseDigest(digest);
  return {
    domain,
    path,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** What an API path may hold: a whole image id with or without `sha256:`, or a name. */
export type ImageReference =
  | { readonly kind: "digest"; readonly digest: string }
  | { readonly kind: "name"; readonly name: ImageName };

/** As parseImageName, but 64 hex digits or a bare digest are an identifier. Short prefixes of ids come out as names. */
export function parseImageReference(text: string): ImageReference {
  if (IDENTIFIER.test(text)) return { kind: "digest", digest: `sha256:${text}` };
  if (isDigest(text)) return { kind: "digest", digest: text };
  return { kind: "name", name: parseImageName(text) };
}

/** `docker.io/library/busybox`. */
export function repositoryOf(name: ImageName): string {
  return `${name.domain}/${name.path}`;
}

/** `busybox`, `user/app`, `registry.example:5000/app`. */
export function familiarRepository(name: ImageName): string {
  if (name.domain !== DEFAULT_DOMAIN) return repositoryOf(name);
  const official = name.path.startsWith(OFFICIAL_PREFIX)
    ? name.path.slice(OFFICIAL_PREFIX.length)
    : name.path;
  return official.includes("/") ? name.path : official;
}

function suffixOf(name: ImageName): string {
  const tag = name.tag === undefined ? "" : `:${name.tag}`;
  return name.digest === undefined ? tag : `${tag}@${name.digest}`;
}

/** The form that is stored: `docker.io/library/busybox:latest`. */
export function canonicalString(name: ImageName): string {
  return repositoryOf(name) + suffixOf(name);
}

/** The form that people see: `busybox:latest`. */
export function familiarString(name: ImageName): string {
  return familiarRepository(name) + suffixOf(name);
}

/** Adds `:latest` to a name that has neither tag nor digest. */
export function withDefaultTag(name: ImageName): ImageName {
  return name.tag === undefined && name.digest === undefined ? { ...name, tag: DEFAULT_TAG } : name;
}

/** Throws invalid "invalid tag format". */
export function withTag(name: ImageName, tag: string): ImageName {
  if (!WHOLE_TAG.test(tag)) throw invalid("invalid tag format");
  return { ...name, tag };
}
