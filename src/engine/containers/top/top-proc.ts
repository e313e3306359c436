/** The table of `ps -ef` from /proc: what `docker top` shows by default needs no program on the host. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerTopView } from "../../../api/container-views.ts";

/** USER_HZ: the unit of times in /proc, the same on all that Linux runs on here. */
const TICKS_PER_SECOND = 100;
const TITLES = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

export interface ProcessTableSource {
  /** Where procfs is mounted, `/proc`. */
  readonly proc: string;
  /** The host's `/etc/passwd`: ps names users by it, whatever the container calls them. */
  readonly passwd: string;
  readonly now: () => Date;
}

/** Processes that end meanwhile are left out. */
export async function processTable(
  pids: readonly number[],
  source: ProcessTableSource,
): Promise<ContainerTopView> {
  const users = userNames(await readText(source.passwd));
  const bootSeconds = Number(/^btime (\d+)/m.exec(await readText(join(source.proc, "stat")))?.[1] ?? 0);
  const rows: string[][] = [];
  // One after the other: a container with thousands of processes must not take all the daemon's file descriptors.
  for (const pid of pids.toSorted((left, right) => left - right)) {
    const row = await processRow(pid, source, bootSeconds, users);
    if (row !== undefined) rows.push(row);
  }
  return { Titles: TITLES, Processes: rows };
}

async function processRow(
  pid: number,
  { proc, now }: ProcessTableSource,
  bootSeconds: number,
  users: ReadonlyMap<string, string>,
): Promise<string[] | undefined> {
  const directory = join(proc, String(pid));
  const stat = await readText(join(directory, "stat"));
  const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(await readText(join(directory, "status")))?.[1];
  const cmdline = await readText(join(directory, "cmdline"));
  // The name may hold spaces and parentheses; the last one closes it. Field n of proc(5) is then at n - 3.
  const nameEnd = stat.lastIndexOf(")");
  if (nameEnd < 0 || uid === undefined) return undefined;
  const name = stat.slice(stat.indexOf("(") + 1, nameEnd);
  const fields = stat.slice(nameEnd + 2).split(" ");
  const field = (number: number) => Number(fields[number - 3] ?? 0);
  const usedSeconds = Math.floor((field(14) + field(15)) / TICKS_PER_SECOND);
  const started = new Date((bootSeconds + field(22) / TICKS_PER_SECOND) * 1000);
  const lifeSeconds = Math.max(1, (now().getTime() - started.getTime()) / 1000);
  return [
    users.get(uid) ?? uid,
    String(pid),
    String(field(4)),
    String(Math.min(99, Math.floor((usedSeconds * 100) / lifeSeconds))),
    startTime(started, now()),
    terminalName(field(7)),
    cpuTime(usedSeconds),
    command(cmdline, name, fields[0] ?? ""),
  ];
}

/** The time of day, the day of another date, the year of another year. */
function startTime(started: Date, now: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  if (started.getFullYear() !== now.getFullYear()) return String(started.getFullYear());
  if (started.getMonth() === now.getMonth() && started.getDate() === now.getDate()) {
    return `${two(started.getHours())}:${two(started.getMinutes())}`;
  }
  return `${MONTHS[started.getMonth()] ?? ""}${two(started.getDate())}`;
}

/** From the number of a tty's device (Documentation/admin-guide/devices.txt). */
export function terminalName(device: number): string {
  const major = (device >> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >> 12) & 0xfff00);
  if (major >= 136 && major <= 143) return `pts/${(major - 136) * 256 + minor}`;
  if (major === 4) return minor < 64 ? `tty${minor}` : `ttyS${minor - 64}`;
  return major === 5 && minor === 1 ? "console" : "?";
}

function cpuTime(seconds: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const days = Math.floor(seconds / 86_400);
  const time = `${two((seconds % 86_400) / 3600)}:${two((seconds % 3600) / 60)}:${two(seconds % 60)}`;
  return days > 0 ? `${days}-${time}` : time;
}

/** A kernel thread or a zombie has no command line. What would move a terminal's cursor is shown as `?`, as ps does. */
function command(cmdline: string, name: string, state: string): string {
  const words = cmdline.replace(/\0+$/, "").replaceAll("\0", " ");
  const text = state === "Z" ? `[${name}] <defunct>` : words === "" ? `[${name}]` : words;
  return text.replace(/\p{Cc}/gu, "?");
}

function userNames(passwd: string): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const line of passwd.split("\n")) {
    const [name = "", , uid = ""] = line.split(":");
    if (name !== "" && uid !== "" && !names.has(uid)) names.set(uid, name);
  }
  return names;
}

/** Empty for what is gone: a process may end between two of its files. */
async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return "";
    throw error;
  }
}
