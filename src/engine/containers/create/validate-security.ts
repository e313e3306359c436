import { EngineError } from "../../../base/errors.ts";

export interface SecurityOptions {
  readonly noNewPrivileges: boolean;
  /** As SpecInput has it: undefined for the default policy, null for none. */
  readonly seccompProfile: object | null | undefined;
}

/**
 * Reads `--security-opt` (moby daemon/daemon_unix.go, parseSecurityOpt): `key=value`, or the old `key:value`.
 * Throws invalid; unimplemented for AppArmor profiles and SELinux labels.
 */
export function parseSecurityOptions(options: readonly string[]): SecurityOptions {
  let noNewPrivileges = false;
  let seccompProfile: object | null | undefined;
  for (const option of options) {
    if (option === "no-new-privileges") {
      noNewPrivileges = true;
      continue;
    }
    if (option === "disable") continue;
    const [key, value] = split(option);
    switch (key) {
      case "no-new-privileges":
        noNewPrivileges = parseBoolean(value, option);
        break;
      case "seccomp":
        seccompProfile = parseSeccomp(value);
        break;
      case "apparmor":
        // Nothing is confined by AppArmor yet, so "unconfined" is what everybody gets.
        if (value !== "unconfined") refuse(`the AppArmor profile "${value}" cannot be used yet`);
        break;
      case "label":
        if (value !== "disable") refuse(`the SELinux label "${value}" cannot be used yet`);
        break;
      case "writable-cgroups":
        if (parseBoolean(value, option)) refuse("writable cgroups are not available yet");
        break;
      default:
        throw invalid(`invalid --security-opt 2: "${option}"`);
    }
  }
  return { noNewPrivileges, seccompProfile };
}

function split(option: string): [key: string, value: string] {
  const separator = option.includes("=") ? "=" : ":";
  const at = option.indexOf(separator);
  if (at < 0) throw invalid(`invalid --security-opt 1: "${option}"`);
  return [option.slice(0, at), option.slice(at + 1)];
}

/** Go's strconv.ParseBool. */
function parseBoolean(text: string, option: string): boolean {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(text)) return false;
  throw invalid(`invalid --security-opt 2: "${option}"`);
}

function parseSeccomp(value: string): object | null | undefined {
  if (value === "unconfined") return null;
  if (value === "builtin" || value === "") return undefined;
  let profile: unknown;
  try {
    profile = JSON.parse(value);
  } catch {
    throw invalid("Decoding seccomp profile failed: it is no JSON document");
  }
  if (typeof profile !== "object" || profile === null || Array.isArray(profile)) {
    throw invalid("Decoding seccomp profile failed: it is no JSON object");
  }
  return profile;
}

function refuse(sentence: string): never {
  throw new EngineError("unimplemented", sentence);
}

function invalid(message: string): EngineError {
  return new EngineError("invalid", message);
}
