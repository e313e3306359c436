import type { ImageDeleteEntry } from "../../api/image-views.ts";
import { EngineError } from "../../base/errors.ts";
import { type ImageId, shortId } from "../../base/ids.ts";
import {
  familiarString,
  type ImageName,
  parseImageName,
  repositoryOf,
  withDefaultTag,
} from "../../oci/reference.ts";
import type { StoredImage } from "../../store/images.ts";
import { publishImageEvent } from "./image-events.ts";
import { findImage, isIdPrefix } from "./image-lookup.ts";
import type { ImagesDependencies } from "./ports.ts";

interface Conflict {
  readonly hard: boolean;
  /** A container is what is in the way. */
  readonly used: boolean;
  readonly reason: string;
}

/**
 * `DELETE /images/{name}`: takes a name away from an image and, with the last one, deletes the image, its layers that
 * nobody else needs and (unless `noPrune`) its untagged parents. Rules and words are Docker's.
 * Throws notFound, and conflict "… (must be forced)" or "… (cannot be forced)".
 */
export class ImageRemoval {
  private readonly records: ImageDeleteEntry[] = [];

  private constructor(
    private readonly dependencies: ImagesDependencies,
    private readonly options: { readonly force: boolean; readonly noPrune: boolean },
  ) {}

  static async run(
    dependencies: ImagesDependencies,
    ref: string,
    options: { readonly force: boolean; readonly noPrune: boolean },
  ): Promise<ImageDeleteEntry[]> {
    const removal = new ImageRemoval(dependencies, options);
    await removal.remove(ref);
    return removal.records;
  }

  private get images() {
    return this.dependencies.store.images;
  }

  private async remove(ref: string): Promise<void> {
    const image = findImage(this.images, ref);
    const byId = isIdPrefix(image.id, ref);
    if (byId) this.untagForId(image);
    else if (this.untagForName(image, ref)) return;
    await this.deleteImage(image, { force: this.options.force, quiet: !byId });
  }

  /** A name was given: it goes. True when other names keep the image. */
  private untagForName(image: StoredImage, ref: string): boolean {
    if (!this.options.force && isSingleReference(this.images.namesOf(image.id))) {
      if (this.dependencies.pins?.has(image.id) === true) {
        throw conflictError(image.id, { hard: false, used: true, reason: PINNED });
      }
      const user = this.dependencies.containers.containersOf(image.id)[0];
      if (user !== undefined) {
        throw new EngineError(
          "conflict",
          `conflict: unable to remove repository reference "${ref}" (must force) - container ${shortId(user.id)} is using its referenced image ${shortId(image.id)}`,
        );
      }
    }
    const { tag, digest, ...repository } = withDefaultTag(parseImageName(ref));
    const name: ImageName = digest === undefined ? { ...repository, tag } : { ...repository, digest };
    this.untag(image, name);
    const left = this.images.namesOf(image.id);
    const sameRepository = left.filter((other) => repositoryOf(other) === repositoryOf(name));
    // Digests alone would keep an image that nobody can name any more.
    if (digest === undefined && sameRepository.every((other) => other.digest !== undefined)) {
      for (const other of sameRepository) this.untag(image, other);
    }
    return this.images.namesOf(image.id).length > 0;
  }

  /** An id was given: all names go with it when they are of one repository. */
  private untagForId(image: StoredImage): void {
    const names = this.images.namesOf(image.id);
    if (!isSingleReference(names)) return;
    const conflict = this.conflictOf(image.id, { soft: !this.options.force, references: false });
    if (conflict !== undefined) throw conflictError(image.id, conflict);
    for (const name of names) this.untag(image, name);
  }

  private untag(image: StoredImage, name: ImageName): void {
    this.images.removeName(name);
    this.records.push({ Untagged: familiarString(name) });
    publishImageEvent(this.dependencies.events, "untag", image);
  }

  /** `quiet`: the caller asked for something else, which is done; what stands in the way of this is not said. */
  private async deleteImage(image: StoredImage, how: { force: boolean; quiet: boolean }): Promise<void> {
    const conflict = this.conflictOf(image.id, { soft: !how.force, references: true });
    if (conflict !== undefined) {
      const isDangling =
        this.images.namesOf(image.id).length === 0 && this.images.childrenOf(image.id).length === 0;
      if (how.quiet && (!isDangling || conflict.used)) return;
      throw conflictError(image.id, conflict);
    }
    const parent = this.images.parentOf(image.id);
    for (const name of this.images.namesOf(image.id)) this.untag(image, name);
    const layers = await this.dependencies.store.delete(image.id, () => {
      // It may have got a name or a container while earlier changes of the store had their turn.
      const late = this.conflictOf(image.id, { soft: !how.force, references: true });
      if (late !== undefined) throw conflictError(image.id, late);
    });
    publishImageEvent(this.dependencies.events, "delete", image);
    this.records.push({ Deleted: image.id }, ...layers.map((chainId) => ({ Deleted: chainId })));
    const above = parent === undefined || this.options.noPrune ? undefined : this.images.find(parent);
    if (above !== undefined) await this.deleteImage(above, { force: false, quiet: true });
  }

  /** Hard ones first: children and running containers cannot be forced, names and stopped containers can. */
  private conflictOf(id: ImageId, check: { soft: boolean; references: boolean }): Conflict | undefined {
    if (this.images.childrenOf(id).length > 0) {
      return { hard: true, used: false, reason: "image has dependent child images" };
    }
    const users = this.dependencies.containers.containersOf(id);
    const running = users.find((user) => user.running);
    if (running !== undefined) {
      return {
        hard: true,
        used: true,
        reason: `image is being used by running container ${shortId(running.id)}`,
      };
    }
    if (!check.soft) return undefined;
    if (this.dependencies.pins?.has(id) === true) return { hard: false, used: true, reason: PINNED };
    if (check.references && this.images.namesOf(id).length > 0) {
      return { hard: false, used: false, reason: "image is referenced in multiple repositories" };
    }
    const stopped = users[0];
    if (stopped === undefined) return undefined;
    return {
      hard: false,
      used: true,
      reason: `image is being used by stopped container ${shortId(stopped.id)}`,
    };
  }
}

const PINNED = "image is pinned: unpin it first";

function conflictError(id: ImageId, conflict: Conflict): EngineError {
  const how = conflict.hard ? "cannot be forced" : "must be forced";
  return new EngineError(
    "conflict",
    `conflict: unable to delete ${shortId(id)} (${how}) - ${conflict.reason}`,
  );
}

/** One tag, with or without digests of the same repository; or one digest alone. */
function isSingleReference(names: readonly ImageName[]): boolean {
  if (names.length <= 1) return names.length === 1;
  const tags = names.filter((name) => name.digest === undefined);
  const only = tags[0] ?? names[0];
  if (tags.length > 1 || only === undefined) return false;
  return names.every((name) => repositoryOf(name) === repositoryOf(only));
}
