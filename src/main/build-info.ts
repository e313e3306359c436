/** What this binary is. The build defines the constants (`scripts/build.ts`); a run from source has stand-ins. */
declare const BERTH_VERSION: string | undefined;
declare const BERTH_COMMIT: string | undefined;
declare const BERTH_BUILD_TIME: string | undefined;

export const BUILD_INFO = {
  version: typeof BERTH_VERSION === "string" ? BERTH_VERSION : "0.1.0-source",
  commit: typeof BERTH_COMMIT === "string" ? BERTH_COMMIT : "unknown",
  buildTime: typeof BERTH_BUILD_TIME === "string" ? BERTH_BUILD_TIME : "1970-01-01T00:00:00Z",
} as const;
