/**
 * Reads the body of a create request, which a stranger wrote: every known field is checked for its type and size, unknown
 * ones are dropped, as Go's decoder does. What comes out can be trusted to be of its TypeScript type, without NUL bytes.
 */
import type { ContainerConfig, ContainerCreateRequest, HostConfig, NetworkingConfig } from "../../api/container-config.ts";
import { EngineError } from "../../base/errors.ts";
import { CONFIG_SHAPE, type FieldKind, HOST_CONFIG_SHAPE, type Shape } from "./create-request-shape.ts";

export interface DecodedCreateRequest {
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  readonly networkingConfig: NetworkingConfig;
}

/** Far above what anybody needs, far below what would hurt. */
const MOST_ITEMS = 10_000;
const MOST_TEXT = 1 << 20;

/** Throws invalid. */
export function decodeCreateRequest(request: ContainerCreateRequest): DecodedCreateRequest {
  const body = object(request, "the request");
  const endpoints = optionalObject(body.NetworkingConfig, "NetworkingConfig")?.EndpointsConfig;
  return {
    config: decodeShape(body, CONFIG_SHAPE, "") as ContainerConfig,
    hostConfig: decodeShape(optionalObject(body.HostConfig, "HostConfig") ?? {}, HOST_CONFIG_SHAPE, "HostConfig."),
    networkingConfig: {
      EndpointsConfig: entriesOf(endpoints ?? {}, "EndpointsConfig", (value, at) => optionalObject(value, at) ?? null),
    },
  };
}

function decodeShape(source: Readonly<Record<string, unknown>>, shape: Shape, prefix: string): object {
  const result: Record<string, unknown> = {};
  for (const [name, kind] of Object.entries(shape)) {
    const value = source[name];
    if (value === undefined || value === null) continue;
    result[name] = decodeValue(value, kind, prefix + name);
  }
  return result;
}

function decodeValue(value: unknown, kind: FieldKind, at: string): unknown {
  if (typeof kind === "object") {
    if ("fields" in kind) return decodeShape(object(value, at), kind.fields, `${at}.`);
    if ("listOf" in kind) return list(value, at).map((item, index) => decodeItem(item, kind.listOf, `${at}[${index}]`));
    return entriesOf(value, at, (item, key) => (item === null ? null : decodeValue(item, kind.mapOf, key)));
  }
  switch (kind) {
    case "text":
      return text(value, at);
    case "flag":
      return typeof value === "boolean" ? value : fail(at, "a boolean");
    case "integer":
      return integer(value, at);
    case "command":
      // Docker takes a lone string for a list of one.
      return typeof value === "string" ? [text(value, at)] : list(value, at).map((item) => text(item, at));
    case "any":
      return object(value, at);
  }
}

/** Go turns a null in a list into the zero value; for us only objects have one that makes sense. */
function decodeItem(item: unknown, kind: FieldKind, at: string): unknown {
  if (item === null && typeof kind === "object" && "fields" in kind) return {};
  return decodeValue(item, kind, at);
}

function text(value: unknown, at: string): string {
  if (typeof value !== "string") return fail(at, "a string");
  if (value.length > MOST_TEXT) {
    throw new EngineError("invalid", `${at} has ${value.length} characters: at most ${MOST_TEXT} are possible`);
  }
  if (value.includes("\0")) throw new EngineError("invalid", `${at} must not contain a NUL character`);
  return value;
}

/** As Go's int64; JSON numbers beyond 2^53 lose digits, which only "unlimited" values have. */
function integer(value: unknown, at: string): number {
  if (typeof value !== "number" || !Number.isInteger(value) || Math.abs(value) > 2 ** 63) fail(at, "an integer");
  return value as number;
}

function list(value: unknown, at: string): readonly unknown[] {
  if (!Array.isArray(value)) return fail(at, "a list");
  if (value.length > MOST_ITEMS) tooMany(at, value.length);
  return value;
}

function object(value: unknown, at: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return fail(at, "an object");
  return value as Readonly<Record<string, unknown>>;
}

function optionalObject(value: unknown, at: string): Readonly<Record<string, unknown>> | undefined {
  return value === undefined || value === null ? undefined : object(value, at);
}

function entriesOf<T>(value: unknown, at: string, decode: (item: unknown, at: string) => T): Record<string, T> {
  const entries = Object.entries(object(value, at));
  if (entries.length > MOST_ITEMS) tooMany(at, entries.length);
  return Object.fromEntries(
    entries.map(([key, item]) => {
      // fromEntries would make it an own property, yet the next spread or merge might not.
      if (key === "__proto__") throw new EngineError("invalid", `${at} has the impossible key "__proto__"`);
      return [text(key, at), decode(item, `${at}[${JSON.stringify(key)}]`)];
    }),
  );
}

function tooMany(at: string, count: number): never {
  throw new EngineError("invalid", `${at} has ${count} entries: at most ${MOST_ITEMS} are possible`);
}

function fail(at: string, wanted: string): never {
  throw new EngineError("invalid", `invalid JSON: ${at} must be ${wanted}`);
}
