/**
 * The daemon is killed at random moments of a load and of a prune. After the next start nothing is half there: every image that is
 * listed is whole, nothing is kept for one that is not, and the same work ends. BERTH_CRASH_SEED repeats a run's moments.
 */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { ScrubLine } from "../../src/api/storage-views.ts";
import { dockerArchive, layerTar } from "../../src/store/testing/image-archives.ts";
import { inconsistencies } from "../support/consistency.ts";
import { withDaemon } from "../support/fixture.ts";
import { until } from "../support/until.ts";

const { daemon, scratch } = withDaemon();
const KILLS = Number(process.env.BERTH_CRASH_ROUNDS ?? 20);
const SEED = Number(process.env.BERTH_CRASH_SEED ?? Date.now() % 1_000_000);
const IMAGES = 12;

/** A linear congruential generator: numbers in [0, 1). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Images that share layers in pairs, each with a few hundred files. */
function archive(): string {
  const files = (name: string, count: number) =>
    layerTar(
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`${name}/${at}`, `${name} ${at}`])),
    );
  const images = Array.from({ length: IMAGES }, (_, index) => ({
    layers: [files(`pair${index >> 1}`, 300), files(`own${index}`, 200)],
    tags: [`image${index}:1`],
  }));
  const path = join(scratch, "images.tar");
  writeFileSync(
    path,
    dockerArchive(images, (layer) => gzipSync(layer)),
  );
  return path;
}

const listed = async () =>
  ((await (await daemon.api("GET", "/images/json")).json()) as { RepoTags: string[] }[]).flatMap(
    (each) => each.RepoTags,
  );

/** All is at rest and fits together, and every file is as its layer says. */
async function expectWhole(moment: string): Promise<void> {
  let faults: string[] = [];
  await until(`nothing is half there after ${moment} (seed ${SEED})`, async () => {
    faults = await inconsistencies(daemon);
    return faults.length === 0;
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}:\n${faults.join("\n")}`);
  });
  const text = await (await daemon.api("POST", "/berth/storage/scrub")).text();
  const lines = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as ScrubLine);
  expect(lines.filter((line) => line.Kind === "finding")).toEqual([]);
  expect(lines.at(-1)).toMatchObject({ Kind: "total", Damaged: 0, Missing: 0, Unverifiable: 0 });
}

describe(`killed at ${KILLS} moments, seed ${SEED}`, () => {
  const random = randomOf(SEED);

  test("of a load", async () => {
    const path = archive();
    const took = await timed(() => daemon.mustDocker("load", "-i", path));
    for (let kill = 0; kill < KILLS; kill++) {
      await daemon.mustDocker("image", "prune", "-af");
      await daemon.mustDocker("import", join(scratch, "busybox.tar"), "busybox");
      const afterMs = random() * took;
      const work = daemon.docker("load", "-i", path);
      await Bun.sleep(afterMs);
      await daemon.stop("SIGKILL");
      await work;
      await daemon.start();
      await expectWhole(`a load killed after ${afterMs.toFixed(1)} ms`);
    }
    await daemon.mustDocker("load", "-i", path);
    expect((await listed()).filter((name) => name.startsWith("image"))).toHaveLength(IMAGES);
    await expectWhole("the load that was not killed");
  }, 300_000);

  test("of a prune", async () => {
    const path = join(scratch, "images.tar");
    await daemon.mustDocker("load", "-i", path);
    const took = await timed(() => daemon.mustDocker("image", "prune", "-af"));
    for (let kill = 0; kill < KILLS; kill++) {
      await daemon.mustDocker("load", "-i", path);
      const afterMs = random() * took;
      const work = daemon.docker("image", "prune", "-af");
      await Bun.sleep(afterMs);
      await daemon.stop("SIGKILL");
      await work;
      await daemon.start();
      await expectWhole(`a prune killed after ${afterMs.toFixed(1)} ms`);
    }
    await daemon.mustDocker("image", "prune", "-af");
    expect(await listed()).toEqual([]);
    await expectWhole("the prune that was not killed");
  }, 300_000);
});

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}
