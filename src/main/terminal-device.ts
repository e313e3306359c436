import { dlopen } from "bun:ffi";
import type { WindowSize } from "../cli/command.ts";

/** Loaded when a terminal is first asked about: most command lines have none. */
function openLibc() {
  return dlopen("libc.so.6", {
    isatty: { args: ["int"], returns: "int" },
    ioctl: { args: ["int", "u64", "ptr"], returns: "int" },
    tcgetattr: { args: ["int", "ptr"], returns: "int" },
    tcsetattr: { args: ["int", "int", "ptr"], returns: "int" },
    cfmakeraw: { args: ["ptr"], returns: "void" },
  }).symbols;
}

let opened: ReturnType<typeof openLibc> | undefined;

function libc(): ReturnType<typeof openLibc> {
  opened ??= openLibc();
  return opened;
}

const TIOCGWINSZ = 0x5413n;
/** After what was written has gone out. */
const TCSADRAIN = 1;
/** More than any libc's struct termios. */
const TERMIOS_BYTES = 256;
/** Local modes: the fourth of the four words that begin a struct termios, in every Linux libc. */
const LOCAL_MODES = 3;
const ECHO = 0o10;

/**
 * A terminal by its descriptor, termios(3) and ioctl_tty(2). The runtime's own `tty` takes 2 ms to load, and its raw mode
 * leaves output processing on: a full-screen program's line feeds would come out with carriage returns.
 */
export function isTerminalDevice(descriptor: number): boolean {
  return libc().isatty(descriptor) === 1;
}

/** undefined where there is no terminal, or one without a size. */
export function windowSize(descriptor: number): WindowSize | undefined {
  const size = new Uint16Array(4);
  if (libc().ioctl(descriptor, TIOCGWINSZ, size) !== 0) return undefined;
  const [rows = 0, columns = 0] = size;
  return rows === 0 && columns === 0 ? undefined : { rows, columns };
}

/** Sets the terminal raw and gives what puts it back as it was. */
export function setRaw(descriptor: number): () => void {
  return changed(descriptor, (settings) => {
    libc().cfmakeraw(settings);
  });
}

/** What is typed is no longer shown; gives what puts that back. */
export function setNoEcho(descriptor: number): () => void {
  return changed(descriptor, (settings) => {
    const words = new Uint32Array(settings.buffer, 0, LOCAL_MODES + 1);
    words[LOCAL_MODES] = (words[LOCAL_MODES] ?? 0) & ~ECHO;
  });
}

function changed(descriptor: number, change: (settings: Uint8Array<ArrayBuffer>) => void): () => void {
  const before = new Uint8Array(TERMIOS_BYTES);
  if (libc().tcgetattr(descriptor, before) !== 0) return () => {};
  const after = before.slice();
  change(after);
  libc().tcsetattr(descriptor, TCSADRAIN, after);
  return () => {
    libc().tcsetattr(descriptor, TCSADRAIN, before);
  };
}
