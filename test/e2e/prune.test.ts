/** `docker image prune`, plans, pins, diff, layers and scrub against a real daemon. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type {
  ImageDiffLine,
  ImageLayersLine,
  ImagesPruneView,
  PrunePlanView,
  ScrubLine,
} from "../../src/api/storage-views.ts";
import { dockerArchive, layerTar } from "../../src/store/testing/image-archives.ts";
import { inconsistencies } from "../support/consistency.ts";
import { NONE, withDaemon } from "../support/fixture.ts";
import { until } from "../support/until.ts";

const { daemon, scratch } = withDaemon();
const ALL = `filters=${encodeURIComponent('{"dangling":["false"]}')}`;

async function load(...tags: string[]): Promise<void> {
  const images = tags.map((tag) => ({
    layers: [layerTar({ base: "b" }), layerTar({ [tag]: tag })],
    tags: [tag],
  }));
  const path = join(scratch, "load.tar");
  writeFileSync(
    path,
    dockerArchive(images, (layer) => gzipSync(layer)),
  );
  await daemon.mustDocker("load", "-i", path);
}

async function json<T>(method: string, path: string, body?: object): Promise<T> {
  const init =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  return (await (await daemon.api(method, path, init)).json()) as T;
}

async function lines<T>(method: string, path: string): Promise<T[]> {
  const text = await (await daemon.api(method, path)).text();
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as T);
}

const names = async () =>
  (await daemon.mustDocker("images", "--format", "{{.Repository}}:{{.Tag}}")).split("\n").sort();

describe("prune", () => {
  test("the stock client removes what is dangling, then all that is unused", async () => {
    await load("one:1", "two:1");
    await load("three:1");
    await daemon.mustDocker("tag", "two:1", "one:1");
    const dangling = await daemon.mustDocker("image", "prune", "-f");
    expect(dangling).toMatch(/^Deleted Images:\ndeleted: sha256:[0-9a-f]{64}\ndeleted: sha256:/);
    expect(dangling).toMatch(/Total reclaimed space: [1-9]/);
    expect(await names()).toEqual(["busybox:latest", "one:1", "three:1", "two:1"]);
    await daemon.mustDocker("create", "--name", "user", ...NONE, "busybox", "true");
    const all = await daemon.mustDocker("image", "prune", "-af");
    expect(all).toContain("untagged: three:1");
    expect(await names()).toEqual(["busybox:latest"]);
    await daemon.mustDocker("rm", "user");
    const again = await daemon.mustDocker("image", "prune", "-f");
    expect(again).toBe("Total reclaimed space: 0B");
    await until("nothing is left over", async () => (await inconsistencies(daemon)).length === 0);
  });

  test("a plan is shown, and carried out as far as it still holds", async () => {
    await load("one:1", "two:1");
    await daemon.mustDocker("create", "--name", "user", ...NONE, "busybox", "true");
    const plan = await json<PrunePlanView>("POST", `/v1.50/images/prune?dry-run=1&${ALL}`);
    expect(plan.Remove.map(({ Names }) => Names)).toEqual([["one:1"], ["two:1"]]);
    expect(plan.Keep.map(({ Names, Reason }) => [Names, Reason])).toEqual([
      [["busybox:latest"], "used by container user"],
    ]);
    await daemon.mustDocker("tag", "two:1", "mine:1");
    await load("new:1");
    const done = await json<ImagesPruneView>("POST", "/images/prune", { Plan: plan.Id });
    expect(done.Kept?.map(({ Reason }) => Reason)).toEqual(["got the name mine:1"]);
    expect(done.ImagesDeleted?.[0]).toEqual({ Untagged: "one:1" });
    expect(await names()).toEqual(["busybox:latest", "mine:1", "new:1", "two:1"]);
    expect(
      (
        await daemon.api("POST", "/images/prune", {
          body: JSON.stringify({ Plan: plan.Id }),
          headers: { "content-type": "application/json" },
        })
      ).status,
    ).toBe(404);
    await daemon.mustDocker("rm", "user");
  });

  test("a pinned image stays", async () => {
    await load("pinned:1");
    expect((await daemon.api("PUT", "/berth/images/pinned:1/pin")).status).toBe(204);
    await daemon.mustDocker("create", "--name", "user", ...NONE, "busybox", "true");
    await daemon.mustDocker("image", "prune", "-af");
    expect(await names()).toEqual(["busybox:latest", "pinned:1"]);
    const refused = await daemon.docker("rmi", "pinned:1");
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining("image is pinned: unpin it first"),
    ]);
    await daemon.stop("SIGKILL");
    await daemon.start();
    expect(await json<unknown[]>("GET", "/berth/images/pins")).toHaveLength(1);
    expect((await daemon.api("DELETE", "/berth/images/pinned:1/pin")).status).toBe(204);
    await daemon.mustDocker("rmi", "pinned:1");
    await daemon.mustDocker("rm", "user");
  });
});

test("diff and layers understand what real layers hold", async () => {
  await load("one:1", "two:1");
  const diff = await lines<ImageDiffLine>("GET", "/berth/images/diff?from=one:1&to=two:1");
  const files = diff.flatMap((line) => (line.Kind === "file" ? [`${line.Change} ${line.Path}`] : []));
  expect(files).toEqual(["removed /one:1", "added /two:1"]);
  const layers = await lines<ImageLayersLine>("GET", "/berth/images/one:1/layers");
  expect(layers.map(({ Kind }) => Kind)).toEqual(["image", "layer", "layer", "total"]);
  expect(layers.at(-1)).toMatchObject({ Size: 6, Wasted: 0, Efficiency: 1 });
  expect((await daemon.api("GET", "/berth/images/nothing/layers")).status).toBe(404);
});

test("a scrub finds what was changed behind the daemon's back and repairs it, but not below a running container", async () => {
  const sound = await lines<ScrubLine>("POST", "/berth/storage/scrub");
  expect(sound.at(-1)).toMatchObject({ Kind: "total", Damaged: 0, Missing: 0, Unverifiable: 0 });
  const inspect = await json<{ GraphDriver: { Data: { UpperDir: string } } }>("GET", "/images/busybox/json");
  const path = join(inspect.GraphDriver.Data.UpperDir, "etc/group");
  const text = readFileSync(path, "utf8");
  writeFileSync(path, text.toUpperCase());
  await daemon.mustDocker("run", "-d", "--name", "runs", ...NONE, "busybox", "sleep", "1000");
  const findings = async (query: string) =>
    (await lines<ScrubLine>("POST", `/berth/storage/scrub${query}`)).filter(
      (line) => line.Kind === "finding",
    );
  expect(await findings("")).toMatchObject([
    { What: "snapshot", State: "damaged", Detail: expect.stringContaining("/etc/group") },
  ]);
  expect(await findings("?repair=1")).toMatchObject([{ Repair: "in-use" }]);
  await daemon.mustDocker("kill", "runs");
  expect(await findings("?repair=1")).toMatchObject([{ Repair: "repaired" }]);
  await daemon.mustDocker("start", "runs");
  expect(await daemon.mustDocker("exec", "runs", "cat", "/etc/group")).toBe(text.trimEnd());
  expect(await findings("")).toEqual([]);
  await daemon.mustDocker("rm", "-f", "runs");
  await daemon.stop();
  await daemon.start();
  const left = () => readdirSync(join(daemon.root, "d/snapshots")).length;
  const count = left();
  await until("the old directory is gone", async () => (await inconsistencies(daemon)).length === 0);
  expect(left()).toBeLessThanOrEqual(count);
});
