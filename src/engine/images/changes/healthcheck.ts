import type { HealthConfig } from "../../../api/container-config.ts";
import { EngineError } from "../../../base/errors.ts";
import { parseGoDuration } from "../../../base/go-duration.ts";
import { parseJsonWords } from "./json-words.ts";

const MIN_DURATION_NS = 1e6;
const DURATIONS = {
  interval: "Interval",
  timeout: "Timeout",
  "start-period": "StartPeriod",
  "start-interval": "StartInterval",
} as const;

const invalid = (message: string) => new EngineError("invalid", message);

/** The rest of a HEALTHCHECK line: `NONE`, or `[--interval=30s …] CMD command`. Throws invalid. */
export function parseHealthcheck(rest: string): HealthConfig {
  const check: HealthConfig = {};
  let text = rest.trim();
  for (let flag = /^--(\S*)\s*/.exec(text); flag !== null; flag = /^--(\S*)\s*/.exec(text)) {
    text = text.slice(flag[0].length);
    applyFlag(check, flag[1] ?? "");
  }
  const [, kind = "", command = ""] = /^(\S*)\s*([\s\S]*)$/.exec(text) ?? [];
  switch (kind.toUpperCase()) {
    case "":
      throw invalid("HEALTHCHECK requires at least one argument");
    case "NONE":
      if (command !== "") throw invalid("HEALTHCHECK NONE takes no arguments");
      return { Test: ["NONE"] };
    case "CMD": {
      const words = parseJsonWords(command);
      if (command === "" || words?.length === 0) throw invalid("Missing command after HEALTHCHECK CMD");
      return { Test: words === undefined ? ["CMD-SHELL", command] : ["CMD", ...words], ...check };
    }
    default:
      throw invalid(`Unknown type "${kind}" in HEALTHCHECK (try CMD)`);
  }
}

function applyFlag(check: HealthConfig, flag: string): void {
  const equals = flag.indexOf("=");
  const name = equals < 0 ? flag : flag.slice(0, equals);
  const value = equals < 0 ? "" : flag.slice(equals + 1);
  if (name === "retries") {
    if (!/^[0-9]{1,9}$/.test(value)) throw invalid(`--retries must be a whole number, not "${value}"`);
    check.Retries = Number(value);
    return;
  }
  const field = Object.hasOwn(DURATIONS, name) ? DURATIONS[name as keyof typeof DURATIONS] : undefined;
  if (field === undefined) throw invalid(`Unknown flag: ${name}`);
  const duration = parseGoDuration(value);
  if (duration === undefined) throw invalid(`time: invalid duration "${value}"`);
  if (duration < 0 || (duration > 0 && duration < MIN_DURATION_NS)) {
    throw invalid(`Interval "${name}" cannot be less than 1ms`);
  }
  check[field] = duration;
}
