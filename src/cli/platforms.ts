import { formatPlatform, normalizePlatform, type Platform, parsePlatform } from "../oci/platform.ts";
import type { CliContext } from "./command.ts";
import { CliFailure } from "./failure.ts";

/** `--platform`, or what the caller has set for all commands. */
export function wantedPlatform({ environment }: CliContext, given: string | undefined): string | undefined {
  return given || environment.DOCKER_DEFAULT_PLATFORM || undefined;
}

/**
 * The JSON that the API's load, save, push and history take. Throws CliFailure, the message beginning with `failure`
 * (`invalid platform: `).
 */
export function platformJson(
  context: CliContext,
  given: string | undefined,
  failure = "invalid platform: ",
): string | undefined {
  if (given === undefined || given === "") return undefined;
  const { architecture, os, variant } = readPlatform(context, given, failure);
  return JSON.stringify({ architecture, os, variant });
}

/** The one spelling of a platform that a container is created for. Throws CliFailure. */
export function platformName(context: CliContext, given: string | undefined): string | undefined {
  if (given === undefined) return undefined;
  return formatPlatform(readPlatform(context, given, "error parsing specified platform: "));
}

const COMPONENT = /^[A-Za-z0-9_.-]+$/;
const SYSTEMS = new Set(
  "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos".split(
    " ",
  ),
);
const ARCHITECTURES = new Set(
  "386 amd64 amd64p32 arm arm64 arm64be armbe loong64 mips mips64 mips64le mips64p32 mips64p32le mipsle ppc ppc64 ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm".split(
    " ",
  ),
);

function readPlatform({ build }: CliContext, given: string, failure: string): Platform {
  const invalid = (reason: string) => new CliFailure(`${failure}${reason}: invalid argument`);
  const quoted = JSON.stringify(given);
  if (given.includes("*")) throw invalid(`${quoted}: wildcards not yet supported`);
  const [first = "", second, third, ...rest] = given.split("/");
  const parts = [first, second, third, ...(rest.length > 0 ? [rest.join("/")] : [])];
  for (const part of parts) {
    if (part === undefined || COMPONENT.test(part)) continue;
    const rule = `platform specifier component must match ${JSON.stringify(COMPONENT.source)}`;
    throw invalid(`${JSON.stringify(part)} is an invalid component of ${quoted}: ${rule}`);
  }
  if (rest.length > 0) throw invalid(`${quoted}: cannot parse platform specifier`);
  const [os = "linux", architecture = "amd64"] = build.platform.split("/");
  const platform = parsePlatform(given, { os, architecture });
  const known =
    SYSTEMS.has(first.toLowerCase()) ||
    ARCHITECTURES.has(normalizePlatform({ os, architecture: first }).architecture);
  if (second === undefined && !known) throw invalid(`${quoted}: unknown operating system or architecture`);
  return platform;
}
