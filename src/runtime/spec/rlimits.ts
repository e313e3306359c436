import type { Ulimit } from "../../api/container-config.ts";
import { EngineError } from "../../base/errors.ts";
import type { OciProcess } from "../../oci/runtime-config.ts";
import type { MachineFacts } from "../container-runtime.ts";

/** RLIM_INFINITY. */
export const RLIMIT_UNLIMITED = (1n << 64n) - 1n;

/** RLIMIT_* of asm-generic/resource.h, which x86 and arm64 share. */
export const RLIMIT_NUMBERS: Readonly<Record<string, number>> = {
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE: 1,
  RLIMIT_DATA: 2,
  RLIMIT_STACK: 3,
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_LOCKS: 10,
  RLIMIT_SIGPENDING: 11,
  RLIMIT_MSGQUEUE: 12,
  RLIMIT_NICE: 13,
  RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
};

const amount = (value: number): bigint => (value < 0 ? RLIMIT_UNLIMITED : BigInt(Math.trunc(value)));
const spell = (value: bigint): string => (value === RLIMIT_UNLIMITED ? "unlimited" : String(value));

/**
 * `--ulimit` values; -1 is unlimited. Throws invalid for an unknown name, for a soft limit above the hard one and, where
 * this daemon may not raise limits, for a hard limit above its own: the program would not start otherwise.
 */
export function rlimitsOf(ulimits: readonly Ulimit[], machine: MachineFacts): OciProcess["rlimits"] {
  return ulimits.map(({ Name: name = "", Soft = 0, Hard = 0 }) => {
    const type = `RLIMIT_${name.toUpperCase()}`;
    if (!Object.hasOwn(RLIMIT_NUMBERS, type))
      throw new EngineError("invalid", `invalid ulimit type: ${name}`);
    const soft = amount(Soft);
    const hard = amount(Hard);
    if (soft > hard) {
      throw new EngineError(
        "invalid",
        `ulimit soft limit must be less than or equal to hard limit: ${spell(soft)} > ${spell(hard)}`,
      );
    }
    const most = machine.hardLimits.get(type) ?? RLIMIT_UNLIMITED;
    if (hard > most && !machine.canRaiseLimits) {
      throw new EngineError(
        "invalid",
        `ulimit ${name}=${spell(hard)} is above the daemon's own hard limit of ${spell(most)}, which it lacks the ` +
          `capability to raise (CAP_SYS_RESOURCE); ask for at most ${spell(most)}`,
      );
    }
    return { type, soft, hard };
  });
}
