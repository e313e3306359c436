/** JSON bodies of requests: the checks that Docker makes, and a limit. */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Shape } from "../api/json-shape.ts";
import { EngineError } from "../base/errors.ts";

/** Far above any container's configuration; what is larger is an attack or a mistake. */
export const MAX_JSON_BYTES = 4 * 1024 * 1024;

/**
 * Reads a whole body. Call it before the first `await` of a handler: a body that nobody listens for may be lost when the
 * connection is upgraded. Throws invalid for one that is too large or ends early, also by the `shutdown` of the server,
 * which breaks the connection: nobody waits for a client that may never send the rest.
 */
export function readBody(
  request: IncomingMessage,
  shutdown: AbortSignal,
  limit: number = MAX_JSON_BYTES,
): Promise<Buffer> {
  const stop = () => request.destroy();
  shutdown.addEventListener("abort", stop, { once: true });
  return wholeBody(request, limit).finally(() => shutdown.removeEventListener("abort", stop));
}

function wholeBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const announced = Number(request.headers["content-length"] ?? Number.NaN);
    const chunks: Buffer[] = [];
    let length = 0;
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > limit) {
        chunks.length = 0;
        reject(new EngineError("invalid", `request body is larger than ${limit} bytes`));
      } else {
        chunks.push(chunk);
      }
    });
    request.on("end", () => {
      if (!Number.isNaN(announced) && length < announced) reject(cutShort());
      else resolve(Buffer.concat(chunks));
    });
    request.on("error", (cause) => reject(cutShort(cause)));
    request.on("close", () => reject(cutShort()));
  });
}

function cutShort(cause?: unknown): EngineError {
  return new EngineError("invalid", "invalid JSON: unexpected EOF", { cause });
}

/** Whether the request carries a body at all, by its headers. */
export function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** An empty body without a Content-Type is fine; everything else has to say that it is JSON. */
export function checkJsonType(headers: IncomingHttpHeaders): void {
  const type = headers["content-type"] ?? "";
  if (type === "" && !hasBody(headers)) return;
  const media = /^\s*([^\s;/]+\/[^\s;/]+)\s*(?:;|$)/.exec(type)?.[1];
  if (media === undefined) {
    const reason = type === "" ? "mime: no media type" : "mime: expected slash after first token";
    throw new EngineError("invalid", `malformed Content-Type header (${type}): ${reason}`);
  }
  if (media.toLowerCase() !== "application/json") {
    throw new EngineError("invalid", `unsupported Content-Type header (${type}): must be 'application/json'`);
  }
}

/** Undefined for an empty body. Throws invalid for a wrong Content-Type, malformed JSON or a wrong type of a field. */
export function decodeJson<T>(
  headers: IncomingHttpHeaders,
  body: Buffer,
  shape: Shape<T>,
  name: string,
): T | undefined {
  checkJsonType(headers);
  if (body.length === 0) {
    if (headers["transfer-encoding"] === undefined) return undefined;
    throw new EngineError("invalid", "invalid JSON: got EOF while reading request body");
  }
  const value = parse(body);
  return value === null ? undefined : shape(value, name);
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.replace(/^JSON Parse error: /, "") : String(cause);
    throw new EngineError("invalid", `invalid JSON: ${reason}`, { cause });
  }
}
