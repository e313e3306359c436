/** Structured log lines of the daemon, in Docker's two formats. */
export type LogLevel = "debug" | "info" | "warn" | "error" | "fatal";
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

const ORDER: readonly LogLevel[] = ["debug", "info", "warn", "error", "fatal"];

/** `write` gets whole lines with their newline; it must not throw. */
export function createLogger(options: {
  level: LogLevel;
  format: "text" | "json";
  write: (line: string) => void;
  now?: () => Date;
}): Logger {
  const least = ORDER.indexOf(options.level);
  const now = options.now ?? (() => new Date());
  const log = (level: LogLevel, message: string, fields: LogFields = {}) => {
    if (ORDER.indexOf(level) < least) return;
    const render = options.format === "json" ? renderJson : renderText;
    options.write(`${render(now().toISOString(), level, message, fields)}\n`);
  };
  return {
    debug: (message, fields) => log("debug", message, fields),
    info: (message, fields) => log("info", message, fields),
    warn: (message, fields) => log("warn", message, fields),
    error: (message, fields) => log("error", message, fields),
  };
}

function renderJson(time: string, level: LogLevel, message: string, fields: LogFields): string {
  return JSON.stringify({ ...fields, level, msg: message, time });
}

function renderText(time: string, level: LogLevel, message: string, fields: LogFields): string {
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${quoteIfNeeded(String(value))}`);
  return `time=${JSON.stringify(time)} level=${level} msg=${JSON.stringify(message)}${pairs.join("")}`;
}

function quoteIfNeeded(text: string): string {
  return /^[\w./:@+-]+$/.test(text) ? text : JSON.stringify(text);
}
