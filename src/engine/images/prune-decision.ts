import { shortId } from "../../base/ids.ts";
import type { PruneFilters } from "./prune-filters.ts";

/** What decides whether an image goes. */
export interface PruneCandidate {
  readonly id: string;
  /** Tags and digests, familiar form. */
  readonly names: readonly string[];
  readonly isTagged: boolean;
  readonly createdMs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly parent: string | undefined;
  /** Names of the containers that were made from it. */
  readonly users: readonly string[];
  readonly isPinned: boolean;
}

export interface PruneDecision {
  /** Children before their parents: in this order nothing stands in the way. */
  readonly remove: readonly { readonly image: PruneCandidate; readonly reason: string }[];
  readonly keep: readonly { readonly image: PruneCandidate; readonly reason: string }[];
}

/**
 * Docker's rules: what is dangling (or, if asked, only unused) and passes the filters goes, and with the last image that was built on it
 * an untagged parent. What a container uses or a pin protects stays whole, with all its names.
 */
export function decidePrune(images: readonly PruneCandidate[], filters: PruneFilters): PruneDecision {
  const children = Map.groupBy(images, (image) => image.parent);
  const kept = new Set<string>();
  const decision = { remove: [] as Decided[], keep: [] as Decided[] };
  for (const image of childrenFirst(images, children)) {
    const below = children.get(image.id) ?? [];
    const stays = below.find((child) => kept.has(child.id));
    const reason =
      protection(image) ?? (stays && `parent of ${shortId(stays.id)}`) ?? choice(image, below, filters);
    if (reason === undefined) {
      decision.remove.push({ image, reason: reasonToRemove(image, below) });
    } else {
      kept.add(image.id);
      decision.keep.push({ image, reason });
    }
  }
  return decision;
}

type Decided = PruneDecision["keep"][number];

function protection(image: PruneCandidate): string | undefined {
  if (image.isPinned) return "pinned";
  return image.users.length > 0 ? `used by container ${image.users.join(", ")}` : undefined;
}

/** Why the filters keep it. An untagged image that others were built on goes with the last of them, whatever they say. */
function choice(
  image: PruneCandidate,
  below: readonly PruneCandidate[],
  filters: PruneFilters,
): string | undefined {
  if (below.length > 0 && image.names.length === 0) return undefined;
  if (filters.danglingOnly && image.isTagged) return "tagged";
  return filters.keeps(image);
}

function reasonToRemove(image: PruneCandidate, below: readonly PruneCandidate[]): string {
  if (image.isTagged) return "no container uses it";
  return below.length > 0 ? "parent of nothing that stays" : "no tag";
}

/** Without recursion: a chain of parents may be as long as somebody cares to build it. */
function childrenFirst(
  images: readonly PruneCandidate[],
  children: ReadonlyMap<string | undefined, readonly PruneCandidate[]>,
): PruneCandidate[] {
  const order: PruneCandidate[] = [];
  const entered = new Set<string>();
  for (const top of images) {
    if (entered.has(top.id)) continue;
    entered.add(top.id);
    const stack = [{ image: top, next: 0 }];
    for (let level = stack.at(-1); level !== undefined; level = stack.at(-1)) {
      const child = children.get(level.image.id)?.[level.next++];
      if (child === undefined) {
        order.push(level.image);
        stack.pop();
      } else if (!entered.has(child.id)) {
        entered.add(child.id);
        stack.push({ image: child, next: 0 });
      }
    }
  }
  return order;
}
