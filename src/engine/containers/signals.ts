/** Signals by the names and numbers that Docker accepts (Linux, the same on x86-64 and arm64: signal(7)). */
import { EngineError } from "../../base/errors.ts";

const STANDARD: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  IOT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  STKFLT: 16,
  CHLD: 17,
  CLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  XCPU: 24,
  XFSZ: 25,
  VTALRM: 26,
  PROF: 27,
  WINCH: 28,
  IO: 29,
  POLL: 29,
  PWR: 30,
  SYS: 31,
};
const RTMIN = 34;
const RTMAX = 64;

export const SIGKILL = 9;
export const SIGTERM = 15;

/** `KILL`, `SIGKILL`, `sigkill`, `9`, `RTMIN+3`, `SIGRTMAX-1`. Throws invalid. */
export function parseSignal(text: string): number {
  const number = numberOf(text);
  if (number === undefined) throw new EngineError("invalid", `invalid signal: ${text}`);
  return number;
}

/** Also refuses numbers that Linux does not have. Throws invalid. */
export function parseDeliverableSignal(text: string): number {
  const number = parseSignal(text);
  // 32 and 33 belong to the C library's threads.
  if (number < 1 || number > RTMAX || number === 32 || number === 33) {
    throw new EngineError("invalid", `the linux daemon does not support signal ${number}`);
  }
  return number;
}

function numberOf(text: string): number | undefined {
  if (/^[+-]?[0-9]{1,9}$/.test(text)) {
    const number = Number(text);
    return number === 0 ? undefined : number;
  }
  const name = text.toUpperCase().replace(/^SIG/, "");
  const realTime = /^RT(MIN|MAX)(?:([+-])([0-9]{1,2}))?$/.exec(name);
  if (realTime === null) return Object.hasOwn(STANDARD, name) ? STANDARD[name] : undefined;
  const [, end, sign, digits] = realTime;
  const offset = Number(digits ?? 0);
  // Docker's table meets in the middle: RTMIN+15 and RTMAX-14 are the furthest.
  if (end === "MIN") return sign !== "-" && offset <= 15 ? RTMIN + offset : undefined;
  return sign !== "+" && offset <= 14 ? RTMAX - offset : undefined;
}
