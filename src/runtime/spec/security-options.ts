import { EngineError } from "../../base/errors.ts";
import type { OciSeccomp } from "../../oci/runtime-config.ts";
import type { MachineFacts, SpecInput } from "../container-runtime.ts";
import { defaultSeccompPolicy } from "../seccomp/default-policy.ts";
import { seccompFromProfile } from "../seccomp/user-profile.ts";

export interface SecurityOptions {
  readonly noNewPrivileges: boolean;
  readonly seccompUnconfined: boolean;
}

function parseSwitch(value: string, option: string): boolean {
  // strconv.ParseBool's words, since tools pass what Docker took.
  if (/^(1|t|T|TRUE|true|True)$/.test(value)) return true;
  if (/^(0|f|F|FALSE|false|False)$/.test(value)) return false;
  throw new EngineError("invalid", `invalid --security-opt 2: ${JSON.stringify(option)}`);
}

/** `key=value`; older clients wrote `key:value`. */
function splitOption(option: string): [key: string, value: string] {
  if (option === "no-new-privileges") return [option, "true"];
  const at = option.includes("=") ? option.indexOf("=") : option.indexOf(":");
  if (at < 0) throw new EngineError("invalid", `invalid --security-opt 1: ${JSON.stringify(option)}`);
  return [option.slice(0, at), option.slice(at + 1)];
}

/**
 * Reads `--security-opt`. Labels and AppArmor profiles are accepted where the kernel has neither, as Docker does; an
 * AppArmor profile that would have an effect throws unimplemented.
 */
export function securityOptions(options: readonly string[], machine: MachineFacts): SecurityOptions {
  let noNewPrivileges = false;
  let seccompUnconfined = false;
  for (const option of options) {
    const [key, value] = splitOption(option);
    switch (key) {
      case "no-new-privileges":
        noNewPrivileges = parseSwitch(value, option);
        break;
      case "seccomp":
        // A profile's text comes parsed, in SpecInput.seccompProfile; "builtin" names the default.
        seccompUnconfined = value === "unconfined";
        break;
      case "apparmor":
        if (machine.apparmor && value !== "" && value !== "unconfined") {
          throw new EngineError(
            "unimplemented",
            `the AppArmor profile ${value} cannot be set: not implemented`,
          );
        }
        break;
      case "label":
      case "systempaths":
        break;
      default:
        throw new EngineError("invalid", `invalid --security-opt 2: ${JSON.stringify(option)}`);
    }
  }
  return { noNewPrivileges, seccompUnconfined };
}

/** The filter: a profile of the user's, none, or the default one; a privileged container has none of its own accord. */
export function seccompOf(
  input: SpecInput,
  machine: MachineFacts,
  capabilities: readonly string[],
  options: SecurityOptions,
): OciSeccomp | undefined {
  if (input.seccompProfile === null || options.seccompUnconfined) return undefined;
  if (input.seccompProfile !== undefined) {
    return seccompFromProfile(input.seccompProfile, {
      architecture: machine.architecture,
      capabilities: new Set(capabilities),
      kernelVersion: machine.kernelVersion,
    });
  }
  return input.hostConfig.Privileged === true
    ? undefined
    : defaultSeccompPolicy(machine.architecture, capabilities);
}
