import type { VersionView } from "../../api/system-views.ts";
import { MAX_API_VERSION, MIN_API_VERSION } from "../../api/version.ts";

/** How this program was built. */
export interface BuildInfo {
  readonly version: string;
  readonly commit: string;
  /** RFC 3339. */
  readonly buildTime: string;
}

/** Clients print the version of Go's compiler here: what this program is run by takes its place. */
const RUNTIME =
  process.versions.bun === undefined ? `node${process.versions.node}` : `bun${process.versions.bun}`;

/** `architecture`: Docker's name of it, `amd64`. */
export function versionView(build: BuildInfo, architecture: string, kernelVersion: string): VersionView {
  const engine = {
    GitCommit: build.commit,
    GoVersion: RUNTIME,
    Os: "linux",
    Arch: architecture,
    KernelVersion: kernelVersion,
    BuildTime: build.buildTime,
  };
  const api = { ApiVersion: MAX_API_VERSION, MinAPIVersion: MIN_API_VERSION };
  return {
    Platform: { Name: "berth" },
    Components: [
      { Name: "Engine", Version: build.version, Details: { ...api, ...engine, Experimental: "false" } },
    ],
    Version: build.version,
    ...api,
    ...engine,
  };
}
