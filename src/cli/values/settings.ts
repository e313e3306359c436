import type { RestartPolicy, Ulimit } from "../../api/container-config.ts";
import { CliFailure, ValueError } from "../failure.ts";
import { splitOnce } from "./words.ts";

/** For -a: a stream's name in small letters. */
export function checkStream(text: string): string {
  const name = text.toLowerCase();
  if (["stdin", "stdout", "stderr"].includes(name)) return name;
  throw new ValueError("valid streams are STDIN, STDOUT and STDERR");
}

/** For -e: only a name that is not there is refused; the rest is the program's business. */
export function checkVariable(text: string): string {
  if (text === "" || text.startsWith("=")) throw new ValueError(`invalid environment variable: ${text}`);
  return text;
}

export function checkLabel(text: string): string {
  if (text.trimStart() === "" || /^\s*=/.test(text)) {
    throw new ValueError(`invalid label '${text}': empty name`);
  }
  return text;
}

const IPC_SYSCTLS =
  "kernel.msgmax kernel.msgmnb kernel.msgmni kernel.sem kernel.shmall kernel.shmmax kernel.shmmni kernel.shm_rmid_forced";

/** For --sysctl: those of a container's own namespaces. */
export function checkSysctl(text: string): string {
  const [name, , hasValue] = splitOnce(text, "=");
  const known = IPC_SYSCTLS.split(" ").includes(name) || /^(?:net|fs\.mqueue)\./.test(name);
  if (!hasValue || !known) throw new ValueError(`sysctl '${text}' is not allowed`);
  return text;
}

const ULIMITS =
  "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack";

/** `nofile=1024[:2048]`; -1 is no limit. */
export function parseUlimit(text: string): Ulimit {
  const [name, value, hasValue] = splitOnce(text, "=");
  if (!hasValue) throw new ValueError(`invalid ulimit argument: ${text}`);
  if (!ULIMITS.split(" ").includes(name)) throw new ValueError(`invalid ulimit type: ${name}`);
  const limits = value.split(":");
  if (limits.length > 2) {
    throw new ValueError(
      `too many limit value arguments - ${value}, can only have up to two, \`soft[:hard]\``,
    );
  }
  const [soft = 0, hard = soft] = limits.map(ulimitNumber);
  if (hard !== -1 && (soft > hard || soft === -1)) {
    throw new ValueError(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`);
  }
  return { Name: name, Soft: soft, Hard: hard };
}

function ulimitNumber(text: string): number {
  if (/^-?\d+$/.test(text)) return Number(text);
  throw new ValueError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
}

/** `no`, `always`, `on-failure:3`. Throws CliFailure `hint`. */
export function parseRestartPolicy(text: string): RestartPolicy {
  const [name, count, hasCount] = splitOnce(text, ":");
  if (text !== "" && name === "") {
    throw new CliFailure("invalid restart policy format: no policy provided before colon", "hint");
  }
  if (hasCount && !/^\d+$/.test(count)) {
    throw new CliFailure("invalid restart policy format: maximum retry count must be an integer", "hint");
  }
  return { Name: name as RestartPolicy["Name"], MaximumRetryCount: hasCount ? Number(count) : 0 };
}
