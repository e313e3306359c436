/** What a scrub repairs from a real registry, also after a start that found blobs missing. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ScrubFinding, ScrubLine } from "../../src/api/storage-views.ts";
import { withDaemon } from "../support/fixture.ts";
import { TestRegistry } from "../support/registry.ts";
import { busyboxImage, publish } from "../support/registry-images.ts";

const { daemon, scratch } = withDaemon();
let registry: TestRegistry;
let name: string;
beforeAll(async () => {
  registry = await TestRegistry.start();
  await publish(scratch, registry, await busyboxImage(scratch, ["hello", "again"]), "scrubbed:1");
  name = `${registry.host}/scrubbed:1`;
  await daemon.mustDocker("pull", "-q", name);
}, 60_000);
afterAll(() => registry[Symbol.asyncDispose]());

async function scrub(query = ""): Promise<ScrubFinding[]> {
  const text = await (await daemon.api("POST", `/berth/storage/scrub${query}`)).text();
  const lines = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as ScrubLine);
  expect(lines.at(-1)?.Kind).toBe("total");
  return lines.filter((line) => line.Kind === "finding");
}

const blobs = () => join(daemon.root, "d/content/blobs/sha256");
/** Without the first, whose files another image of this daemon can have too: a layer that is known is not fetched. */
const pulledLayers = async () => {
  const { body } = await registry.manifest("scrubbed", "1");
  const { layers } = JSON.parse(body) as { layers: { digest: string }[] };
  return layers.slice(1).map(({ digest }) => digest.slice("sha256:".length));
};

test("damaged and missing blobs come back from the registry that they came from", async () => {
  expect(await scrub()).toEqual([]);
  const [first = "", second = ""] = await pulledLayers();
  writeFileSync(join(blobs(), first), "damage");
  rmSync(join(blobs(), second));
  const found = await scrub();
  expect(
    found
      .filter(({ What }) => What === "blob")
      .map(({ Id, State }) => [Id, State])
      .sort(),
  ).toEqual(
    [
      [`sha256:${first}`, "damaged"],
      [`sha256:${second}`, "missing"],
    ].sort(),
  );
  const repaired = await scrub("?repair=1");
  expect(repaired.map(({ Repair }) => Repair)).toEqual(["repaired", "repaired"]);
  expect(repaired[0]?.RepairDetail).toContain(`fetched from ${registry.host}/scrubbed`);
  expect(readdirSync(join(daemon.root, "d/content/damaged"))).toHaveLength(1);
  expect(await scrub()).toEqual([]);
});

test("a layer whose blob was missing at a start is known again after the repair", async () => {
  const [first = ""] = await pulledLayers();
  await daemon.stop();
  rmSync(join(blobs(), first));
  await daemon.start();
  expect((await scrub()).map(({ What, State }) => [What, State])).toEqual([
    ["blob", "missing"],
    ["snapshot", "unverifiable"],
  ]);
  expect((await scrub("?repair=1"))[0]?.Repair).toBe("repaired");
  expect(await scrub()).toEqual([]);
  expect(await daemon.mustDocker("run", "--rm", "--network", "none", name)).toBe("hello");
});
