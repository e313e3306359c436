import type { LogConfig } from "../../../api/container-config.ts";
import { EngineError } from "../../../base/errors.ts";

export interface LogLimits {
  /** 0: no limit. */
  readonly maxBytes: number;
  readonly maxFiles: number;
}

const DECIMAL_UNITS: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12, p: 1e15 };

/** Fills in the default. Throws invalid for bad options, unimplemented for drivers that are not there yet. */
export function normalizeLogConfig(given: LogConfig | null | undefined): {
  Type: string;
  Config: Record<string, string>;
} {
  const config = { Type: given?.Type || "json-file", Config: given?.Config ?? {} };
  logLimits(config);
  return config;
}

/** How long the file may grow; undefined: nothing is logged. */
export function logLimits({ Type, Config }: LogConfig): LogLimits | undefined {
  const options = Config ?? {};
  if (Type === "none") return undefined;
  if (Type !== "json-file") {
    throw new EngineError(
      "unimplemented",
      `the log driver "${Type}" is not available yet: use json-file or none`,
    );
  }
  for (const key of Object.keys(options)) requireOption(key);
  const maxBytes = options["max-size"] === undefined ? 0 : parseSize(options["max-size"]);
  const maxFiles = options["max-file"] === undefined ? 1 : parseCount(options["max-file"]);
  return { maxBytes, maxFiles };
}

function requireOption(key: string): void {
  if (key === "max-size" || key === "max-file") return;
  if (["compress", "labels", "labels-regex", "env", "env-regex", "tag"].includes(key)) {
    throw new EngineError("unimplemented", `the log option "${key}" is not available yet`);
  }
  throw invalid(`unknown log opt '${key}' for json-file log driver`);
}

/** docker/go-units FromHumanSize: decimal units, `10m` is ten million bytes. */
function parseSize(text: string): number {
  const match = /^([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([kmgtp]?)(?:i?b)?$/i.exec(text);
  if (match === null) throw invalid(`invalid size: '${text}'`);
  const bytes = Math.floor(Number(match[1]) * (DECIMAL_UNITS[(match[2] ?? "").toLowerCase()] ?? 1));
  if (bytes <= 0) throw invalid("max-size must be a positive number");
  return Math.min(bytes, Number.MAX_SAFE_INTEGER);
}

function parseCount(text: string): number {
  if (!/^[+-]?[0-9]{1,9}$/.test(text)) throw invalid(`strconv.Atoi: parsing "${text}": invalid syntax`);
  if (Number(text) < 1) throw invalid("max-file cannot be less than 1");
  return Number(text);
}

function invalid(message: string): EngineError {
  return new EngineError("invalid", message);
}
