/** The file that a shim leaves behind when its container has ended: `native/shim/record.c` writes it, by rename. */
import { EngineError } from "../base/errors.ts";
import type { ExitStatus } from "./shim-session.ts";

export interface ExitRecord {
  readonly startedAtNs: bigint;
  readonly status: ExitStatus;
}

const LINE =
  /^berth-exit 1 code=(\d{1,3}) signal=(\d{1,3}) oom=([01]) started=(\d{1,20}) finished=(\d{1,20})\n$/;

/** Throws dataLoss for a text that no shim wrote. */
export function parseExitRecord(text: string): ExitRecord {
  const [, code, signal, oom, started, finished] = LINE.exec(text) ?? [];
  if (started === undefined || finished === undefined) {
    throw new EngineError("dataLoss", "the container's exit record is damaged");
  }
  return {
    startedAtNs: BigInt(started),
    status: {
      code: Number(code),
      signal: Number(signal),
      oomKilled: oom === "1",
      finishedAtNs: BigInt(finished),
    },
  };
}
