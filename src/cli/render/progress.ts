/** Docker's progress messages as the docker command shows them: bars on a terminal, plain lines elsewhere. */
import type { ProgressDetail, ProgressMessage } from "../../api/image-views.ts";
import { EngineError } from "../../base/errors.ts";
import { formatGoSeconds } from "../../base/go-duration.ts";
import { humanSize } from "../../base/units.ts";

export interface ProgressOutput {
  write(text: string): Promise<void>;
  /** Width of the terminal; undefined: there is none, and no bars are drawn. Asked again for each bar. */
  columns(): number | undefined;
}

const ERASE_LINE = "\u001b[2K";
const cursorUp = (lines: number) => (lines > 0 ? `\u001b[${lines}A` : "");
const cursorDown = (lines: number) => (lines > 0 ? `\u001b[${lines}B` : "");

/**
 * Shows messages until they end; `aux` values go to `onAux` and are not shown. Throws the failure that the stream ends with
 * as `internal`, its message as the daemon has it.
 */
export async function showProgress(
  messages: AsyncIterable<ProgressMessage>,
  output: ProgressOutput | undefined,
  onAux: (value: unknown) => void = () => {},
): Promise<void> {
  const screen = new ProgressScreen();
  for await (const message of messages) {
    const failure = message.errorDetail?.message ?? message.error;
    if (failure !== undefined) throw new EngineError("internal", failure);
    if (message.aux !== undefined && message.aux !== null) {
      onAux(message.aux);
      continue;
    }
    if (output === undefined) continue;
    const text = screen.textOf(message, output.columns());
    if (text !== "") await output.write(text);
  }
}

/** Remembers which line of the terminal belongs to which id. */
export class ProgressScreen {
  #lines = new Map<string, number>();

  /** What is to be written for a message. */
  textOf(message: ProgressMessage, columns: number | undefined): string {
    const { id = "", progressDetail, progress = "" } = message;
    const onTerminal = columns !== undefined;
    if (id === "" || (progressDetail === undefined && progress === "")) {
      this.#lines.clear();
      return lineOf(message, columns);
    }
    let before = "";
    let line = this.#lines.get(id);
    if (line === undefined) {
      line = this.#lines.size;
      this.#lines.set(id, line);
      if (onTerminal) before = "\n";
    }
    const distance = onTerminal ? this.#lines.size - line : 0;
    return before + cursorUp(distance) + lineOf(message, columns) + cursorDown(distance);
  }
}

function lineOf(message: ProgressMessage, columns: number | undefined): string {
  const { id = "", progressDetail, status = "", stream = "", progress = "" } = message;
  const redrawn = columns !== undefined && stream === "" && progressDetail !== undefined;
  const bar = progressDetail === undefined ? "" : progressBar(progressDetail, columns ?? 200);
  // Without a terminal a bar would be a line for each piece of it.
  if (!redrawn && bar !== "") return "";
  const end = redrawn ? "\r" : "";
  const head = (redrawn ? `${ERASE_LINE}\r` : "") + (id === "" ? "" : `${id}: `);
  if (columns !== undefined && progressDetail !== undefined) return `${head}${status} ${bar}${end}`;
  if (progress !== "") return `${head}${status} ${progress}${end}`;
  if (stream !== "") return `${head}${stream}${end}`;
  return `${head}${status}${end}\n`;
}

const BAR_CELLS = 50;
/** Narrower terminals get the numbers alone, and below the second width no estimate of the time. */
const WIDTH_FOR_BAR = 110;
const WIDTH_FOR_TIME = 50;

/** `[=====>      ]  1.2MB/3.4MB 5s`; empty where there is nothing to count. */
export function progressBar(detail: ProgressDetail, columns: number, nowMs = Date.now()): string {
  const { current = 0, total = 0, units = "", hidecounts = false } = detail;
  if (current <= 0 && total <= 0) return "";
  if (total <= 0) return units === "" ? humanSize(current).padStart(8) : `${current} ${units}`;
  const done = Math.min(BAR_CELLS, Math.trunc(Math.trunc((current / total) * 100) / 2));
  const bar = columns > WIDTH_FOR_BAR ? `[${"=".repeat(done)}>${" ".repeat(BAR_CELLS - done)}] ` : "";
  const counts = hidecounts ? "" : countsOf(current, total, units);
  return bar + counts + (columns > WIDTH_FOR_TIME && done < BAR_CELLS ? timeLeft(detail, nowMs) : "");
}

function countsOf(current: number, total: number, units: string): string {
  const beyond = current > total;
  if (units !== "") return beyond ? `${current} ${units}` : `${current}/${total} ${units}`;
  const size = humanSize(current).padStart(8);
  return beyond ? size : `${size}/${humanSize(total)}`;
}

function timeLeft({ current = 0, total = 0, start = 0 }: ProgressDetail, nowMs: number): string {
  if (current <= 0 || start <= 0) return "";
  const secondsEach = (nowMs / 1000 - start) / current;
  return ` ${formatGoSeconds(Math.round((total - current) * secondsEach))}`;
}
