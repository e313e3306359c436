/** Reads the values of list filters. All throw invalid in Docker's words. */
import type { ContainerStatus } from "../../../api/container-views.ts";
import type { Filters } from "../../../api/filters.ts";
import { EngineError } from "../../../base/errors.ts";

const KNOWN = [
  "ancestor",
  "before",
  "exited",
  "expose",
  "health",
  "id",
  "is-task",
  "isolation",
  "label",
  "name",
  "network",
  "publish",
  "since",
  "status",
  "volume",
];
const STATUSES: readonly ContainerStatus[] = [
  "created",
  "running",
  "paused",
  "restarting",
  "removing",
  "exited",
  "dead",
];
const HEALTHS = ["none", "starting", "healthy", "unhealthy"];
const MOST_PORT = 65535;

export function refuseUnknown(filters: Filters): void {
  for (const key of filters.keys()) {
    if (!KNOWN.includes(key)) throw invalid(`invalid filter '${key}'`);
  }
}

export function exitCodes(values: readonly string[] = []): number[] {
  return values.map((value) => {
    if (/^[+-]?\d{1,10}$/.test(value)) return Number(value);
    throw invalid(
      `invalid filter 'exited=${value}': strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`,
    );
  });
}

export function states(filters: Filters): {
  readonly statuses: readonly string[];
  readonly healths: readonly string[];
} {
  const statuses = filters.get("status") ?? [];
  const healths = filters.get("health") ?? [];
  refuseOthers("status", "state", statuses, STATUSES);
  refuseOthers("health", "health", healths, HEALTHS);
  return { statuses, healths };
}

function refuseOthers(key: string, what: string, values: readonly string[], known: readonly string[]): void {
  for (const value of values) {
    if (known.includes(value)) continue;
    throw invalid(
      `invalid filter '${key}=${value}': invalid value for ${what} (${value}): must be one of ${known.join(", ")}`,
    );
  }
}

/** `1`, `true`, `0`, `false`; undefined when the filter is not given. */
export function flag(key: string, values: readonly string[] | undefined): boolean | undefined {
  if (values === undefined) return undefined;
  const yes = values.includes("1") || values.includes("true");
  const no = values.includes("0") || values.includes("false");
  if (yes !== no) return yes;
  throw invalid(`invalid filter '${key}${values.length === 0 ? "" : `=[${values.join(" ")}]`}'`);
}

/** `80`, `80/udp`, `8000-8010/tcp` as a set of `80/tcp`. */
export function ports(key: string, values: readonly string[] = []): ReadonlySet<string> {
  const wanted = new Set<string>();
  for (const value of values) {
    if (value.includes(":")) throw invalid(`filter for '${key}' should not contain ':': ${value}`);
    const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(value);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (match === null || last < first || last > MOST_PORT) {
      throw invalid(`error while looking up for ${key} ${value}: invalid port range`);
    }
    const protocol = (match[3] ?? "tcp").toLowerCase();
    for (let port = first; port <= last; port++) wanted.add(`${port}/${protocol}`);
  }
  return wanted;
}

function invalid(message: string): EngineError {
  return new EngineError("invalid", message);
}
