import { EngineError } from "../base/errors.ts";

/** OCI image-spec image-index.md, "platform": names as Go's GOOS and GOARCH. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

const ARCHITECTURE: Readonly<Record<string, { architecture: string; variant?: string }>> = {
  x86_64: { architecture: "amd64" },
  "x86-64": { architecture: "amd64" },
  x64: { architecture: "amd64" },
  i386: { architecture: "386" },
  i686: { architecture: "386" },
  ia32: { architecture: "386" },
  aarch64: { architecture: "arm64" },
  armhf: { architecture: "arm", variant: "v7" },
  armel: { architecture: "arm", variant: "v6" },
};
const KNOWN_OS = new Set(["linux", "windows", "darwin", "freebsd"]);
const WORD = /^[A-Za-z0-9_.-]+$/;

/** One spelling for each platform: `x86_64` is amd64, arm64 without a variant is its v8, arm is v7. */
export function normalizePlatform(platform: Platform): Platform {
  const os = platform.os.toLowerCase() === "macos" ? "darwin" : platform.os.toLowerCase();
  const given = platform.architecture.toLowerCase();
  const known = ARCHITECTURE[given];
  const architecture = known?.architecture ?? given;
  let variant = platform.variant?.toLowerCase() || known?.variant;
  if (variant !== undefined && /^[0-9]/.test(variant)) variant = `v${variant}`;
  if (architecture === "arm64" && variant === "v8") variant = undefined;
  if (architecture === "amd64" && variant === "v1") variant = undefined;
  if (architecture === "arm" && variant === undefined) variant = "v7";
  return variant === undefined ? { os, architecture } : { os, architecture, variant };
}

/**
 * Reads `linux/arm64/v8`, `linux/amd64`, a lone os or architecture, or the JSON object that the API's load and save take.
 * What is left out comes from `host`. Throws invalid.
 */
export function parsePlatform(text: string, host: Platform): Platform {
  if (text.startsWith("{")) return parsePlatformJson(text);
  const parts = text.split("/");
  if (parts.length > 3 || parts.some((part) => !WORD.test(part))) {
    throw new EngineError("invalid", `"${text}" is an invalid platform specifier: use os[/arch[/variant]]`);
  }
  const [first = "", architecture, variant] = parts;
  if (architecture !== undefined) {
    return normalizePlatform({ os: first, architecture, ...(variant === undefined ? {} : { variant }) });
  }
  if (KNOWN_OS.has(first.toLowerCase())) return normalizePlatform({ ...host, os: first });
  return normalizePlatform({ os: host.os, architecture: first });
}

function parsePlatformJson(text: string): Platform {
  const invalid = () => new EngineError("invalid", `failed to parse platform: ${text} is not a platform`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid();
  }
  if (typeof value !== "object" || value === null) throw invalid();
  const { os, architecture, variant } = value as Record<string, unknown>;
  if (typeof os !== "string" || typeof architecture !== "string" || os === "" || architecture === "")
    throw invalid();
  if (variant !== undefined && typeof variant !== "string") throw invalid();
  return normalizePlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) });
}

/** `linux/amd64`, `linux/arm/v7`. */
export function formatPlatform(platform: Platform): string {
  const base = `${platform.os}/${platform.architecture}`;
  return platform.variant === undefined ? base : `${base}/${platform.variant}`;
}

/** 0: does not run there; higher: fits better. 32-bit ARM of a lower version runs on a higher one, and on arm64. */
function fitness(anyOffered: Platform, anyWanted: Platform): number {
  const offered = normalizePlatform(anyOffered);
  const wanted = normalizePlatform(anyWanted);
  if (offered.os !== wanted.os) return 0;
  if (offered.architecture === wanted.architecture) {
    if (offered.variant === wanted.variant) return 100;
    const have = versionOf(offered);
    const want = versionOf(wanted);
    return have !== undefined && want !== undefined && have < want ? 50 + have : 0;
  }
  if (wanted.architecture === "arm64" && offered.architecture === "arm") return versionOf(offered) ?? 0;
  return 0;
}

function versionOf(platform: Platform): number | undefined {
  const fallback = platform.architecture === "arm64" ? "v8" : platform.architecture === "amd64" ? "v1" : "";
  const match = /^v([0-9]+)/.exec(platform.variant ?? fallback);
  return match === null ? undefined : Number(match[1]);
}

/** The candidate that fits `wanted` best, the first of equals; one without a platform only when nothing else is there. */
export function selectPlatform<T extends { readonly platform?: Platform }>(
  candidates: readonly T[],
  wanted: Platform,
): T | undefined {
  let best: T | undefined;
  let bestFitness = 0;
  for (const candidate of candidates) {
    const value = candidate.platform === undefined ? 0 : fitness(candidate.platform, wanted);
    if (value > bestFitness) [best, bestFitness] = [candidate, value];
  }
  return (
    best ?? (candidates.length === 1 && candidates[0]?.platform === undefined ? candidates[0] : undefined)
  );
}

/** Whether an image for `offered` is what somebody meant who asked for `wanted`. */
export function fitsPlatform(offered: Platform, wanted: Platform): boolean {
  return fitness(offered, wanted) > 0;
}
