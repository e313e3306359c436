import { EngineError } from "../../base/errors.ts";
import type { ContainerId, ImageId } from "../../base/ids.ts";
import { ContainerEntry } from "./container-entry.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { ContainerRepository } from "./container-repository.ts";
import type { ContainerDirectory } from "./live-container.ts";
import { type LifecycleEvent, nextState, type Subject } from "./state-machine.ts";

/**
 * All containers of this daemon: in memory for reading, in the repository for good. Every change is on the disk before
 * anybody sees it.
 */
export class StoredContainerDirectory implements ContainerDirectory {
  readonly #entries = new Map<string, ContainerEntry>();
  /** Also holds names whose container is still being made. */
  readonly #names = new Map<string, ContainerId>();

  constructor(private readonly repository: ContainerRepository) {
    for (const record of repository.all()) this.#show(new ContainerEntry(record));
  }

  get(ref: string): ContainerEntry {
    if (ref === "") throw new EngineError("invalid", 'invalid name or ID supplied: ""');
    const entry = this.find(ref);
    if (entry === undefined) throw new EngineError("notFound", `No such container: ${ref}`);
    return entry;
  }

  /** Undefined for an unknown one. Throws invalid for an ambiguous prefix, as `get` does. */
  find(ref: string): ContainerEntry | undefined {
    const exact = this.#entries.get(ref) ?? this.#entries.get(this.#names.get(withoutSlash(ref)) ?? "");
    return exact ?? this.#byPrefix(ref);
  }

  all(): readonly ContainerEntry[] {
    return [...this.#entries.values()];
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  /** Whether some container's id begins so. */
  hasPrefix(prefix: string): boolean {
    return this.all().some(({ id }) => id.startsWith(prefix));
  }

  usersOf(image: ImageId): readonly ContainerEntry[] {
    return this.all().filter((entry) => entry.record.imageId === image);
  }

  /** Throws conflict when somebody has it. */
  requireFreeName(name: string): void {
    const owner = this.#names.get(name);
    if (owner !== undefined) {
      throw new EngineError(
        "conflict",
        `Conflict. The container name "/${name}" is already in use by container "${owner}". You have to remove (or rename) that container to be able to reuse that name.`,
      );
    }
  }

  /** Keeps `name` for `id`. Throws conflict when somebody has it. */
  reserveName(name: string, id: ContainerId): void {
    this.requireFreeName(name);
    this.#names.set(name, id);
  }

  hasName(name: string): boolean {
    return this.#names.has(name);
  }

  /** Takes a reservation back; without effect on another's name. */
  releaseName(name: string, id: ContainerId): void {
    if (this.#names.get(name) === id) this.#names.delete(name);
  }

  /** The moment from which a container exists. Its name was reserved before. */
  insert(record: ContainerRecord): ContainerEntry {
    this.repository.insert(record);
    const entry = new ContainerEntry(record);
    this.#show(entry);
    return entry;
  }

  /** Throws what the state machine throws, having changed nothing. */
  check(entry: ContainerEntry, event: LifecycleEvent): void {
    nextState(entry.record.state, event, subjectOf(entry));
  }

  /** Carries a transition out: one transaction. */
  apply(entry: ContainerEntry, event: LifecycleEvent): void {
    const record = this.#after(entry, event);
    this.repository.updateState(record);
    entry.replaceRecord(record);
  }

  /**
   * A transition that is seen but not written: for a step of which the next one (a removal's end) makes the row vanish. After
   * a crash between the two the row tells of the step before, from which the same end is reached again.
   */
  show(entry: ContainerEntry, event: LifecycleEvent): void {
    entry.replaceRecord(this.#after(entry, event));
  }

  /** `name` was reserved before; the old one is free afterwards. */
  rename(entry: ContainerEntry, name: string): void {
    const before = entry.record.name;
    const record = { ...entry.record, name };
    this.repository.rename(entry.id, name);
    entry.replaceRecord(record);
    this.releaseName(before, entry.id);
  }

  /** The moment from which a container does not exist. */
  delete(entry: ContainerEntry): void {
    this.repository.delete(entry.id);
    this.#entries.delete(entry.id);
    this.releaseName(entry.record.name, entry.id);
  }

  #after(entry: ContainerEntry, event: LifecycleEvent): ContainerRecord {
    return { ...entry.record, state: nextState(entry.record.state, event, subjectOf(entry)) };
  }

  #show(entry: ContainerEntry): void {
    this.#entries.set(entry.id, entry);
    this.#names.set(entry.record.name, entry.id);
  }

  #byPrefix(prefix: string): ContainerEntry | undefined {
    if (!/^[0-9a-f]{1,63}$/.test(prefix)) return undefined;
    let match: ContainerEntry | undefined;
    for (const [id, entry] of this.#entries) {
      if (!id.startsWith(prefix)) continue;
      if (match !== undefined) {
        throw new EngineError("invalid", `multiple IDs found with provided prefix: ${prefix}`);
      }
      match = entry;
    }
    return match;
  }
}

function subjectOf(entry: ContainerEntry): Subject {
  return { id: entry.id, name: entry.record.name, removing: entry.removalInProgress };
}

function withoutSlash(name: string): string {
  return name.startsWith("/") ? name.slice(1) : name;
}
