import { EngineError } from "../../base/errors.ts";
import type {
  OciSeccomp,
  OciSeccompAction,
  OciSeccompArg,
  OciSeccompRule,
} from "../../oci/runtime-config.ts";
import type { MachineFacts } from "../container-runtime.ts";
import { isSeccompArchitecture } from "./syscall-numbers.ts";

/** What the conditions of a profile's rules are asked about. */
export interface ProfileSubject {
  readonly architecture: MachineFacts["architecture"];
  readonly capabilities: ReadonlySet<string>;
  /** Undefined: new enough for every condition. */
  readonly kernelVersion: readonly [major: number, minor: number] | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

const NATIVE_ARCHITECTURE = { x64: "SCMP_ARCH_X86_64", arm64: "SCMP_ARCH_AARCH64" } as const;
/** Go's names, which the conditions `includes.arches` and `excludes.arches` use. */
const GO_ARCHITECTURE = { x64: "amd64", arm64: "arm64" } as const;

const ACTIONS: Readonly<Record<string, OciSeccompAction>> = {
  SCMP_ACT_ALLOW: "SCMP_ACT_ALLOW",
  SCMP_ACT_ERRNO: "SCMP_ACT_ERRNO",
  SCMP_ACT_KILL: "SCMP_ACT_KILL_THREAD",
  SCMP_ACT_KILL_THREAD: "SCMP_ACT_KILL_THREAD",
  SCMP_ACT_KILL_PROCESS: "SCMP_ACT_KILL_PROCESS",
  SCMP_ACT_TRAP: "SCMP_ACT_TRAP",
  SCMP_ACT_LOG: "SCMP_ACT_LOG",
};
const OPERATORS = ["EQ", "NE", "LT", "LE", "GT", "GE", "MASKED_EQ"].map((name) => `SCMP_CMP_${name}`);

const refuse = (what: string) => new EngineError("invalid", `decoding seccomp profile failed: ${what}`);

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw refuse(`${what} is not an object`);
}

function listOf(value: unknown, what: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw refuse(`${what} is not a list`);
}

function wordsOf(value: unknown, what: string): string[] {
  return listOf(value, what).map((item) => {
    if (typeof item === "string") return item;
    throw refuse(`${what} holds something that is not a string`);
  });
}

function actionOf(value: unknown, what: string): OciSeccompAction {
  const action = typeof value === "string" ? ACTIONS[value] : undefined;
  if (action !== undefined) return action;
  if (value === "SCMP_ACT_TRACE" || value === "SCMP_ACT_NOTIFY") {
    throw new EngineError(
      "unimplemented",
      `seccomp action ${value} is not implemented: nothing could answer it`,
    );
  }
  throw refuse(`${what} ${JSON.stringify(value)} is not a seccomp action`);
}

function numberOf(value: unknown, what: string): bigint {
  if (value === undefined || value === null) return 0n;
  // A profile is JSON: values above 2^53 have lost bits before they came here, which nobody writes by hand.
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return BigInt(value);
  throw refuse(`${what} is not an unsigned number`);
}

function errnoOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  const errno = numberOf(value, "errnoRet");
  if (errno > 4095n) throw refuse("errnoRet is above 4095");
  return Number(errno);
}

function argumentOf(value: unknown): OciSeccompArg {
  const fields = fieldsOf(value, "an argument");
  const index = Number(numberOf(fields.index, "an argument's index"));
  if (index > 5) throw refuse(`argument index ${index} is above 5`);
  const op = OPERATORS.find((name) => name === fields.op);
  if (op === undefined) throw refuse(`${JSON.stringify(fields.op)} is not a comparison`);
  return {
    index,
    value: numberOf(fields.value, "an argument's value"),
    valueTwo: numberOf(fields.valueTwo, "an argument's valueTwo"),
    op: op as OciSeccompArg["op"],
  };
}

function kernelIsAtLeast(wanted: unknown, have: ProfileSubject["kernelVersion"]): boolean {
  if (wanted === undefined || wanted === null || wanted === "" || have === undefined) return true;
  const parts = typeof wanted === "string" ? /^(\d+)\.(\d+)/.exec(wanted) : null;
  if (parts === null) throw refuse(`${JSON.stringify(wanted)} is not a kernel version`);
  const [major, minor] = [Number(parts[1]), Number(parts[2])];
  return have[0] > major || (have[0] === major && have[1] >= minor);
}

/** Docker's reading: every condition of `includes` must hold, none of `excludes` may. */
function applies(rule: Fields, subject: ProfileSubject): boolean {
  const includes = fieldsOf(rule.includes ?? {}, "includes");
  const excludes = fieldsOf(rule.excludes ?? {}, "excludes");
  const native = GO_ARCHITECTURE[subject.architecture];
  const arches = wordsOf(includes.arches, "includes.arches");
  if (arches.length > 0 && !arches.includes(native)) return false;
  if (wordsOf(excludes.arches, "excludes.arches").includes(native)) return false;
  if (!wordsOf(includes.caps, "includes.caps").every((name) => subject.capabilities.has(name))) return false;
  if (wordsOf(excludes.caps, "excludes.caps").some((name) => subject.capabilities.has(name))) return false;
  if (!kernelIsAtLeast(includes.minKernel, subject.kernelVersion)) return false;
  const tooNew = typeof excludes.minKernel === "string" && excludes.minKernel !== "";
  return !(tooNew && kernelIsAtLeast(excludes.minKernel, subject.kernelVersion));
}

function ruleOf(rule: Fields): OciSeccompRule {
  const listed = wordsOf(rule.names, "names");
  if (typeof rule.name === "string" && rule.name !== "" && listed.length > 0) {
    throw new EngineError(
      "invalid",
      "'name' and 'names' were specified in the seccomp profile, use either 'name' or 'names'",
    );
  }
  const names = typeof rule.name === "string" && rule.name !== "" ? [rule.name] : listed;
  const errnoRet = errnoOf(rule.errnoRet);
  const args = listOf(rule.args, "args").map(argumentOf);
  return {
    names,
    action: actionOf(rule.action, "action"),
    ...(errnoRet === undefined ? {} : { errnoRet }),
    ...(args.length === 0 ? {} : { args }),
  };
}

/** The ABIs that the profile speaks about, narrowed to those that can be filtered. */
function architecturesOf(profile: Fields, subject: ProfileSubject): string[] {
  const plain = wordsOf(profile.architectures, "architectures");
  const map = listOf(profile.archMap, "archMap").map((entry) => fieldsOf(entry, "archMap"));
  if (plain.length > 0 && map.length > 0) {
    throw new EngineError(
      "invalid",
      "'architectures' and 'archMap' were specified in the seccomp profile, use either 'architectures' or 'archMap'",
    );
  }
  const native = NATIVE_ARCHITECTURE[subject.architecture];
  const mapped = map
    .filter((entry) => entry.architecture === native)
    .flatMap((entry) => wordsOf(entry.subArchitectures, "subArchitectures"));
  // libseccomp always starts from the native one, whatever a profile lists.
  return [...new Set([native, ...plain, ...mapped])].filter(isSeccompArchitecture);
}

/**
 * Turns a profile of `--security-opt seccomp=<file>` (Docker's JSON, of which OCI's is a part) into the policy for one
 * container. Throws invalid with what is wrong, unimplemented for actions and fields that need a listener.
 */
export function seccompFromProfile(profile: object, subject: ProfileSubject): OciSeccomp {
  const fields = fieldsOf(profile, "the profile");
  if (typeof fields.listenerPath === "string" && fields.listenerPath !== "") {
    throw new EngineError("unimplemented", "a seccomp profile with a listenerPath is not implemented");
  }
  const rules = listOf(fields.syscalls, "syscalls").map((entry) => fieldsOf(entry, "a rule"));
  const flags = wordsOf(fields.flags, "flags");
  const defaultErrnoRet = errnoOf(fields.defaultErrnoRet);
  return {
    defaultAction: actionOf(fields.defaultAction, "defaultAction"),
    ...(defaultErrnoRet === undefined ? {} : { defaultErrnoRet }),
    architectures: architecturesOf(fields, subject),
    ...(flags.length === 0 ? {} : { flags }),
    syscalls: rules.filter((rule) => applies(rule, subject)).map(ruleOf),
  };
}
