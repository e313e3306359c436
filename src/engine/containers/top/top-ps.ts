/** `docker top` with options: the host's ps, asked and read as moby does (daemon/top_unix.go). */
import { execFile } from "node:child_process";
import type { ContainerTopView } from "../../../api/container-views.ts";
import { EngineError } from "../../../base/errors.ts";

const MOST_ARGUMENT_BYTES = 4096;
const MOST_OUTPUT_BYTES = 8 << 20;
const TIMEOUT_MS = 10_000;

/** Runs the host's ps. Resolves with what it printed, rejects with why it failed. */
export type RunPs = (args: readonly string[]) => Promise<string>;

/**
 * Throws invalid for a column that is only named PID (`-o comm=PID`): the process's own text would be taken for the number
 * by which the rows are chosen.
 */
export function checkPsArgs(psArgs: string): void {
  if (psArgs.length > MOST_ARGUMENT_BYTES || psArgs.includes("\0")) {
    throw new EngineError("invalid", "the options for ps are too long or contain a NUL byte");
  }
  for (const [, column = "", title = ""] of psArgs.matchAll(/\s+([^\s]*)=\s*(PID[^\s]*)/g)) {
    if (column !== "pid") throw new EngineError("invalid", `specifying "${column}=${title}" is not allowed`);
  }
}

/** The rows of `pids`. Some options cannot be used together with the choice of pids: then all are asked for. */
export async function askPs(run: RunPs, psArgs: string, pids: readonly number[]): Promise<ContainerTopView> {
  const args = psArgs.split(" ");
  const output = await run([...args, `-q${pids.join(",")}`]).catch(() => run(args));
  return parsePs(output, pids);
}

/** Throws internal for output without a PID column. With `m` the lines of threads (PID `-`) follow their process's. */
export function parsePs(output: string, pids: readonly number[]): ContainerTopView {
  const [header = "", ...lines] = output.split("\n");
  const Titles = fields(header);
  const pidColumn = Titles.indexOf("PID");
  if (pidColumn < 0) throw new EngineError("internal", "Couldn't find PID field in ps output");
  const wanted = new Set(pids.map(String));
  const Processes: string[][] = [];
  let inside = false;
  for (const line of lines) {
    const row = fields(line);
    const pid = row[pidColumn];
    if (pid === undefined) continue;
    if (pid !== "-") {
      if (!/^\d+$/.test(pid)) throw new EngineError("internal", `Unexpected pid '${pid}'`);
      inside = wanted.has(pid);
    }
    if (!inside) continue;
    // What is over belongs to the last column, the command.
    Processes.push([...row.slice(0, Titles.length - 1), row.slice(Titles.length - 1).join(" ")]);
  }
  return { Titles, Processes };
}

/** Only ASCII separates: a command may hold other spaces. */
function fields(line: string): string[] {
  return line.split(/[\t\n\f\r ]+/).filter((field) => field !== "");
}

/** Throws internal in Docker's words: ps is missing, or the first line of what it said. */
export const runHostPs: RunPs = (args) =>
  new Promise((resolve, reject) => {
    const options = { timeout: TIMEOUT_MS, maxBuffer: MOST_OUTPUT_BYTES };
    execFile("ps", [...args], options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      const missing = error.code === "ENOENT" ? 'exec: "ps": executable file not found in $PATH' : undefined;
      const reason = missing ?? (stderr.split("\n", 1)[0] || `exit status ${error.code ?? error.signal}`);
      reject(new EngineError("internal", `ps: ${reason}`, { cause: error }));
    });
  });
