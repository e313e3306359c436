import { parseRfc3339Nano } from "../../../api/rfc3339.ts";

/** One entry of a json-file log. */
export interface LogEntry {
  readonly stream: "stdout" | "stderr";
  readonly atNs: bigint;
  /** With its newline, unless it is a piece of a longer line. */
  readonly text: string;
}

const START = '{"log":"';

/**
 * Decodes one line of a json-file log; undefined when it is none. A crash can leave half an entry to which the next one was
 * appended: that next one is found again, since the quotes of its beginning cannot stand unescaped inside a string.
 */
export function decodeLogEntry(line: string): LogEntry | undefined {
  const entry = decode(line);
  if (entry !== undefined) return entry;
  const start = line.lastIndexOf(START);
  return start > 0 ? decode(line.slice(start)) : undefined;
}

function decode(line: string): LogEntry | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { log, stream, time } = value as Record<string, unknown>;
  if (typeof log !== "string" || typeof time !== "string") return undefined;
  if (stream !== "stdout" && stream !== "stderr") return undefined;
  const atNs = parseRfc3339Nano(time);
  return atNs === undefined ? undefined : { stream, atNs, text: log };
}
