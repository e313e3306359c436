import type { CliContext } from "./command.ts";

/** Signals that a person or a supervisor sends to the command. */
const FORWARDED: readonly NodeJS.Signals[] = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGTSTP",
  "SIGCONT",
];
/** A program that takes no notice of as many ends the command, not itself. */
const PATIENCE = 3;

/** Passes the caller's signals on to the container's process until disposed. */
export function forwardSignals(context: CliContext, send: (signal: string) => Promise<void>): Disposable {
  let endings = 0;
  const onSignal = async (signal: NodeJS.Signals) => {
    if ((signal === "SIGINT" || signal === "SIGTERM") && ++endings === PATIENCE) {
      await context.err(`\ngot ${PATIENCE} SIGTERM/SIGINTs, forcefully exiting\n`);
      context.terminal.exit(1);
    }
    // A container that has ended meanwhile needs no signal.
    await send(signal.slice("SIG".length)).catch(() => {});
  };
  const listeners = FORWARDED.map((signal) => context.terminal.onSignal(signal, () => void onSignal(signal)));
  return {
    [Symbol.dispose]() {
      for (const listener of listeners) listener[Symbol.dispose]();
    },
  };
}
