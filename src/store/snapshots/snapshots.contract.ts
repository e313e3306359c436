/** What every implementation of Snapshots promises. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Snapshots } from "../images.ts";

export interface SnapshotsUnderTest extends AsyncDisposable {
  readonly snapshots: Snapshots;
  /** Makes a committed snapshot with one file of its own, whose text is its name or `text`. */
  commitLayer(key: string, parent: string | undefined, name: string, text?: string): Promise<void>;
  /** What a crash of the process and a new start make of it. */
  reopen(): Promise<SnapshotsUnderTest>;
  /** Resolves when removals in the background have ended. */
  settled(): Promise<void>;
}

/** What a container on that snapshot reads in `name`; undefined for a file that it does not see. */
export async function seen(snapshots: Snapshots, key: string, name: string): Promise<string | undefined> {
  const { upperDir, lowerDirs } = await snapshots.root(key);
  const directory = [upperDir, ...lowerDirs].find((each) => existsSync(join(each, name)));
  return directory === undefined ? undefined : readFileSync(join(directory, name), "utf8");
}

export function snapshotsContract(name: string, make: () => Promise<SnapshotsUnderTest>): void {
  describe(`${name} keeps the contract of Snapshots`, () => {
    test("an active snapshot without a parent has two directories and nothing below", async () => {
      await using context = await make();
      await context.snapshots.prepare("a", undefined);
      const { lowerDirs, upperDir, workDir } = await context.snapshots.root("a");
      expect(lowerDirs).toEqual([]);
      expect(statSync(upperDir).isDirectory() && statSync(workDir).isDirectory()).toBe(true);
      expect(statSync(upperDir).mode & 0o7777).toBe(0o755);
    });

    test("all layers are seen, of the same file the topmost", async () => {
      await using context = await make();
      await context.commitLayer("one", undefined, "1");
      await context.commitLayer("two", "one", "2");
      await context.commitLayer("three", "two", "1", "changed");
      await context.snapshots.prepare("a", "three");
      await context.snapshots.prepare("b", "two");
      expect(await seen(context.snapshots, "a", "1")).toBe("changed");
      expect(await seen(context.snapshots, "a", "2")).toBe("2");
      expect(await seen(context.snapshots, "b", "1")).toBe("1");
      expect(await seen(context.snapshots, "b", "3")).toBeUndefined();
    });

    test("several active snapshots share a parent and nothing else", async () => {
      await using context = await make();
      await context.commitLayer("one", undefined, "1");
      await Promise.all(["a", "b", "c"].map((key) => context.snapshots.prepare(key, "one")));
      const roots = await Promise.all(["a", "b", "c"].map((key) => context.snapshots.root(key)));
      expect(new Set(roots.map((root) => root.upperDir)).size).toBe(3);
      expect(new Set(roots.map((root) => root.lowerDirs.join())).size).toBe(1);
      writeFileSync(join(roots[0]?.upperDir ?? "", "1"), "of a");
      expect(await seen(context.snapshots, "a", "1")).toBe("of a");
      expect(await seen(context.snapshots, "b", "1")).toBe("1");
      expect((await context.snapshots.active()).sort()).toEqual(["a", "b", "c"]);
    });

    test("errors say what is wrong", async () => {
      await using context = await make();
      await context.snapshots.prepare("a", undefined);
      await expect(context.snapshots.prepare("a", undefined)).rejects.toMatchObject({
        kind: "alreadyExists",
      });
      await expect(context.snapshots.prepare("b", "nope")).rejects.toMatchObject({ kind: "notFound" });
      await expect(context.snapshots.prepare("b", "a")).rejects.toMatchObject({ kind: "failedPrecondition" });
      await expect(context.snapshots.root("b")).rejects.toMatchObject({ kind: "notFound" });
      await expect(context.snapshots.usage("b")).rejects.toMatchObject({ kind: "notFound" });
    });

    test("two at once for one key: one gets it", async () => {
      await using context = await make();
      const outcomes = await Promise.allSettled(
        [1, 2, 3].map(() => context.snapshots.prepare("a", undefined)),
      );
      expect(outcomes.filter((outcome) => outcome.status === "fulfilled")).toHaveLength(1);
      await context.snapshots.root("a");
    });

    test("a removed snapshot is gone, its key is free, its files are not seen again", async () => {
      await using context = await make();
      await context.snapshots.prepare("a", undefined);
      const before = await context.snapshots.root("a");
      writeFileSync(join(before.upperDir, "file"), "x");
      await context.snapshots.remove("a");
      await context.snapshots.prepare("a", undefined);
      const after = await context.snapshots.root("a");
      expect(existsSync(join(after.upperDir, "file"))).toBe(false);
      await context.settled();
      expect(existsSync(before.upperDir)).toBe(false);
      expect(existsSync(after.upperDir)).toBe(true);
    });

    test("removing what is not there is no error; a parent stays", async () => {
      await using context = await make();
      await context.snapshots.remove("nope");
      await context.commitLayer("one", undefined, "1");
      await context.snapshots.prepare("a", "one");
      await expect(context.snapshots.remove("one")).rejects.toMatchObject({ kind: "failedPrecondition" });
      expect(await seen(context.snapshots, "a", "1")).toBe("1");
    });

    test("usage of a committed snapshot is the size of its own files", async () => {
      await using context = await make();
      await context.commitLayer("one", undefined, "1");
      await context.commitLayer("two", "one", "22");
      expect(await context.snapshots.usage("one")).toBe(1);
      expect(await context.snapshots.usage("two")).toBe(2);
    });

    test("everything is still there after a restart", async () => {
      await using context = await make();
      await context.commitLayer("one", undefined, "1");
      await context.snapshots.prepare("a", "one");
      const before = await context.snapshots.root("a");
      const again = await context.reopen();
      expect(await again.snapshots.root("a")).toEqual(before);
      expect(await seen(again.snapshots, "a", "1")).toBe("1");
      await again.snapshots.prepare("b", "one");
      expect((await again.snapshots.root("b")).upperDir).not.toBe(before.upperDir);
    });
  });
}
