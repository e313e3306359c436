/** The filters of `GET /containers/json`: moby daemon/list.go, split into reading them and asking them. */
import type { ContainerSummary } from "../../../api/container-views.ts";
import type { Filters } from "../../../api/filters.ts";
import type { ImageId } from "../../../base/ids.ts";
import type { ContainerRecord } from "../container-record.ts";
import type { ContainerDirectory } from "../live-container.ts";
import { isRunning } from "../state-machine.ts";
import { exitCodes, flag, ports, refuseUnknown, states } from "./list-filter-values.ts";
import { compilePattern } from "./list-pattern.ts";

export interface Candidate {
  readonly record: ContainerRecord;
  readonly summary: ContainerSummary;
}

export interface ListFilter {
  /** A status filter shows stopped containers too. */
  readonly showsAll: boolean;
  /** The list, newest first, begins after this container and ends before that one. */
  readonly before: string | undefined;
  readonly since: string | undefined;
  readonly includes: (candidate: Candidate) => boolean;
}

/** Values of `ancestor` to the ids of these images and of all that are built on them. */
export type DescendantsOf = (refs: readonly string[]) => Promise<ReadonlySet<ImageId>>;

/**
 * Checks the filters and makes one predicate of them. Throws invalid in Docker's words (`invalid filter 'foo'`), notFound
 * for an unknown container in `before` and `since`.
 */
export async function compileListFilter(
  filters: Filters,
  directory: ContainerDirectory,
  descendantsOf: DescendantsOf,
): Promise<ListFilter> {
  refuseUnknown(filters);
  const ancestors = filters.get("ancestor");
  const images = ancestors === undefined ? undefined : await descendantsOf(ancestors);
  const parts = [
    named(filters),
    identified(filters, directory),
    labelled(filters.get("label") ?? []),
    inState(filters),
    mounted(filters.get("volume")),
    connected(filters.get("network")),
    published(filters),
    (candidate: Candidate) => images?.has(candidate.record.imageId) ?? true,
  ];
  return {
    showsAll: (filters.get("status")?.length ?? 0) > 0,
    before: lastContainer(filters.get("before"), directory),
    since: lastContainer(filters.get("since"), directory),
    includes: (candidate) => parts.every((part) => part(candidate)),
  };
}

type Predicate = (candidate: Candidate) => boolean;
const everything: Predicate = () => true;

function lastContainer(
  refs: readonly string[] | undefined,
  directory: ContainerDirectory,
): string | undefined {
  return refs?.map((ref) => directory.get(ref).id).at(-1);
}

/** A name as it is, or a pattern that finds it, with or without its slash. */
function named(filters: Filters): Predicate {
  const values = filters.get("name") ?? [];
  if (values.length === 0) return everything;
  const patterns = values.map(compilePattern).filter((pattern) => pattern !== undefined);
  return ({ record: { name } }) =>
    [name, `/${name}`].some((text) => values.includes(text) || patterns.some((matches) => matches(text)));
}

/** Whole ids and unique prefixes of one. */
function identified(filters: Filters, directory: ContainerDirectory): Predicate {
  const values = filters.get("id") ?? [];
  if (values.length === 0) return everything;
  const all = directory.all();
  const ids = values.flatMap((value) => {
    const found = value === "" ? [] : all.filter(({ id }) => id.startsWith(value));
    return found.length === 1 ? found.map(({ id }) => id) : [];
  });
  return ({ record }) => ids.includes(record.id);
}

function labelled(values: readonly string[]): Predicate {
  return ({ summary: { Labels: labels } }) =>
    values.every((value) => {
      const at = value.indexOf("=");
      const key = at < 0 ? value : value.slice(0, at);
      return Object.hasOwn(labels, key) && (at < 0 || labels[key] === value.slice(at + 1));
    });
}

function inState(filters: Filters): Predicate {
  const codes = exitCodes(filters.get("exited"));
  const { statuses, healths } = states(filters);
  const task = flag("is-task", filters.get("is-task"));
  return ({ record: { state } }) =>
    (codes.length === 0 ||
      (codes.includes(state.exitCode) && !isRunning(state) && state.startedAtNs !== 0n)) &&
    (statuses.length === 0 || statuses.includes(state.status)) &&
    // No container has a health check or belongs to a task yet.
    (healths.length === 0 || healths.includes("none")) &&
    task !== true;
}

/** By the volume's name, a bind's source, or the place in the container. */
function mounted(values: readonly string[] | undefined): Predicate {
  if (values === undefined) return everything;
  return ({ summary }) =>
    summary.Mounts.some(
      (mount) => values.includes(mount.Name || mount.Source) || values.includes(mount.Destination),
    );
}

/** By name or by the beginning of an id. */
function connected(values: readonly string[] | undefined): Predicate {
  if (values === undefined) return everything;
  return ({ summary }) =>
    Object.entries(summary.NetworkSettings.Networks).some(([name, endpoint]) =>
      values.some((value) => name === value || String(endpoint.NetworkID ?? "").startsWith(value)),
    );
}

function published(filters: Filters): Predicate {
  const publish = ports("publish", filters.get("publish"));
  const expose = ports("expose", filters.get("expose"));
  if (publish.size === 0 && expose.size === 0) return everything;
  return ({ summary }) =>
    summary.Ports.some(
      (port) =>
        publish.has(`${port.PublicPort ?? 0}/${port.Type}`) || expose.has(`${port.PrivatePort}/${port.Type}`),
    );
}
