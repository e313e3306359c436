import { EngineError } from "../../base/errors.ts";
import type { PlanOperation } from "../../kernel/plan.ts";
import { Op } from "../../kernel/protocol.ts";
import type { OciCapabilities, OciProcess, OciSeccomp } from "../../oci/runtime-config.ts";
import { compileSeccomp } from "../seccomp/bpf-compiler.ts";
import { capabilityMask } from "../spec/capabilities.ts";
import { RLIMIT_NUMBERS } from "../spec/rlimits.ts";
import { SECCOMP_FLAGS } from "./kernel-flags.ts";

/** Without it x86 turns its branch predictor's safety on for every filtered thread, which costs and has had its day. */
const DEFAULT_SECCOMP_FLAGS = ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"];

function seccompOperation(policy: OciSeccomp): PlanOperation {
  const flags = (policy.flags ?? DEFAULT_SECCOMP_FLAGS).reduce((bits, name) => {
    const bit = SECCOMP_FLAGS[name];
    if (bit === undefined) throw new EngineError("unimplemented", `seccomp flag ${name} is not implemented`);
    return bits | bit;
  }, 0);
  return { op: Op.SECCOMP, args: [flags, compileSeccomp(policy)] };
}

function credentialsOperation(sets: OciCapabilities): PlanOperation {
  const { bounding, effective, permitted, inheritable, ambient } = sets;
  return {
    op: Op.CREDENTIALS,
    args: [bounding, effective, permitted, inheritable, ambient].map(capabilityMask),
  };
}

/** Limits as setrlimit(2) takes them. */
export function rlimitOperations(rlimits: OciProcess["rlimits"]): PlanOperation[] {
  return rlimits.map(({ type, soft, hard }) => {
    const resource = RLIMIT_NUMBERS[type];
    if (resource === undefined) throw new EngineError("invalid", `invalid rlimit type: ${type}`);
    return { op: Op.RLIMIT, args: [resource, soft, hard] };
  });
}

/**
 * Giving up rights. A filter may be installed with CAP_SYS_ADMIN, hence before the credentials, or by anyone who has
 * no_new_privs set; the latter way it comes last, and the calls that change credentials need not be allowed by it.
 */
export function privilegeOperations(
  sets: OciCapabilities,
  noNewPrivileges: boolean,
  seccomp: OciSeccomp | undefined,
): PlanOperation[] {
  const filter = seccomp === undefined ? [] : [seccompOperation(seccomp)];
  const credentials = credentialsOperation(sets);
  return noNewPrivileges
    ? [credentials, { op: Op.NO_NEW_PRIVS, args: [] }, ...filter]
    : [...filter, credentials];
}
