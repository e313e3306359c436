import type { HostConfig } from "../api/container-config.ts";
import { openFailure } from "./environment-files.ts";
import { CliFailure } from "./failure.ts";
import { splitOnce } from "./values/words.ts";

/**
 * --security-opt → what the API takes. `systempaths=unconfined` is no option of the daemon but two empty lists; a file of a
 * seccomp profile is sent as its text, since the daemon never reads the client's files. Throws CliFailure `hint`.
 */
export function readSecurityOptions(options: readonly string[]): HostConfig {
  if (options.length === 0) return {};
  const unmasked = options.includes("systempaths=unconfined");
  const sent = options.filter((option) => option !== "systempaths=unconfined").map(readOption);
  return {
    SecurityOpt: sent,
    MaskedPaths: unmasked ? [] : undefined,
    ReadonlyPaths: unmasked ? [] : undefined,
  };
}

function readOption(option: string): string {
  const [key, value, hasValue] = splitOnce(option, option.includes("=") ? "=" : ":");
  if (key === "no-new-privileges") return option;
  if (!hasValue || value === "") {
    throw new CliFailure(`Invalid --security-opt: ${JSON.stringify(option)}`, "hint");
  }
  if (key !== "seccomp" || value === "unconfined" || value === "builtin") return option;
  let text: string;
  try {
    text = process.getBuiltinModule("node:fs").readFileSync(value, "utf8");
  } catch (error) {
    throw new CliFailure(`opening seccomp profile (${value}) failed: ${openFailure(value, error)}`, "hint");
  }
  try {
    return `seccomp=${JSON.stringify(JSON.parse(text))}`;
  } catch (error) {
    throw new CliFailure(
      `compacting json for seccomp profile (${value}) failed: ${(error as Error).message}`,
      "hint",
    );
  }
}
