/** `docker save`. */
import { atLeast } from "../api/version.ts";
import { EngineError } from "../base/errors.ts";
import type { ImageArchivesBackend } from "../engine/images/save-images.ts";
import { normalizePlatform, type Platform, parsePlatform } from "../oci/platform.ts";
import type { Exchange, Handler } from "./exchange.ts";
import { sendStream } from "./send-stream.ts";

export function imageArchiveRoutes(archives: ImageArchivesBackend) {
  return {
    imageSave: (exchange) => save(archives, exchange, [exchange.params.name ?? ""]),
    imageSaveSeveral: (exchange) => save(archives, exchange, exchange.query.all("names")),
  } satisfies Record<string, Handler>;
}

async function save(
  archives: ImageArchivesBackend,
  exchange: Exchange,
  names: readonly string[],
): Promise<void> {
  const asked = atLeast(exchange.version, "1.48") ? exchange.query.all("platform") : [];
  const platforms = asked.filter((text) => text !== "");
  if (platforms.length > 1) throw new EngineError("invalid", "multiple platform parameters not supported");
  const platform = platforms[0] === undefined ? undefined : readPlatform(platforms[0]);
  await sendStream(exchange, "application/x-tar", await archives.save(names, platform, exchange.signal));
}

/** JSON, as clients of API 1.48 send it, or `os/architecture/variant`. Throws invalid. */
function readPlatform(text: string): Platform {
  if (!text.startsWith("{")) return parsePlatform(text, { os: "linux", architecture: "" });
  const { os, architecture, variant } = parseObject(text);
  if (typeof os !== "string" || typeof architecture !== "string") {
    throw new EngineError("invalid", "invalid platform: both OS and Architecture must be provided");
  }
  const found = { os, architecture };
  return normalizePlatform(typeof variant === "string" && variant !== "" ? { ...found, variant } : found);
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return { ...value };
  } catch {
    // Told of below.
  }
  throw new EngineError("invalid", `failed to parse platform: ${text}`);
}
