import type { CliContext } from "./command.ts";

/** Signals a person or a supervisor sends to the command; the others end or stop it as usual. */
const FORWARDED: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"];

/** Passes the caller's signals on to the container's process until disposed. */
export function forwardSignals(context: CliContext, send: (signal: string) => Promise<void>): Disposable {
  const listeners = FORWARDED.map((signal) =>
    // A container that has ended meanwhile needs no signal.
    context.terminal.onSignal(signal, () => send(signal).catch(() => {})),
  );
  return {
    [Symbol.dispose]() {
      for (const listener of listeners) listener[Symbol.dispose]();
    },
  };
}
