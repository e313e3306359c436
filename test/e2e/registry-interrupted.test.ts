/** Transfers that break off: what was downloaded stays, what others wait for goes on. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { inconsistencies } from "../support/consistency.ts";
import { withDaemon } from "../support/fixture.ts";
import { TestRegistry } from "../support/registry.ts";
import { bulkyImage, publish } from "../support/registry-images.ts";
import { StallingProxy } from "../support/stalling-proxy.ts";
import { until } from "../support/until.ts";

const { daemon, scratch } = withDaemon();
const MIB = 1 << 20;
const SIZES = [12 * MIB, 8 * MIB, 16 * MIB];
/** The compressed layers are a little smaller or larger than the bytes that do not compress. */
let totalBytes = 0;
let registry: TestRegistry;
let proxy: StallingProxy;

beforeAll(async () => {
  registry = await TestRegistry.start();
  proxy = await StallingProxy.start(registry.host);
  await publish(scratch, registry, bulkyImage(SIZES), "bulk:1");
  const { body } = await registry.manifest("bulk", "1");
  const { layers } = JSON.parse(body) as { layers: { size: number }[] };
  totalBytes = layers.reduce((sum, layer) => sum + layer.size, 0);
}, 60_000);
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

/** What manifests, config and headers of answers add to the layers. */
const SLACK_BYTES = 128 << 10;
/** Bytes of one download that are in memory only. */
const BUFFERED_BYTES = MIB;
const image = () => `${proxy.host}/bulk:1`;
const forget = () => daemon.docker("rmi", "-f", image());
const consistent = () =>
  until("nothing is half there", async () => (await inconsistencies(daemon)).length === 0);

/** Bytes of layers that a pull could take up again. */
function downloadedBytes(): number {
  const directory = join(daemon.root, "d/content/partial");
  return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}

function startPull() {
  const child = Bun.spawn(["docker", "pull", image()], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    env: { ...process.env, DOCKER_HOST: daemon.host },
  });
  return child;
}

describe("two pulls of one image", () => {
  test("download each blob once", async () => {
    await forget();
    registry.downloads();
    proxy.stallAfter(totalBytes / 2);
    const pulls = [startPull(), startPull()];
    await proxy.stalled();
    proxy.release();
    expect(await Promise.all(pulls.map((pull) => pull.exited))).toEqual([0, 0]);
    const downloads = registry.downloads();
    expect(downloads).toHaveLength(SIZES.length + 1);
    expect(new Set(downloads).size).toBe(downloads.length);
  });

  test("do not end one another", async () => {
    await forget();
    proxy.stallAfter(totalBytes / 2);
    const [leaves, stays] = [startPull(), startPull()];
    await proxy.stalled();
    leaves.kill("SIGKILL");
    await leaves.exited;
    proxy.release();
    expect(await stays.exited).toBe(0);
    expect(proxy.passedBytes).toBeLessThan(totalBytes / 2 + SLACK_BYTES);
    await consistent();
  });
});

test("a pull whose client goes away is canceled, and taken up again where it was", async () => {
  await forget();
  proxy.stallAfter(totalBytes / 2);
  const pull = startPull();
  await proxy.stalled();
  pull.kill("SIGKILL");
  await pull.exited;
  proxy.release();
  await consistent();
  expect((await daemon.docker("image", "inspect", image())).code).not.toBe(0);
  const again = startPull();
  expect(await again.exited).toBe(0);
});

/** Shares of all bytes after which the daemon is killed. */
const ROUNDS = Number(process.env.BERTH_FUZZ_ROUNDS ?? "5");
const MOMENTS = Array.from({ length: ROUNDS }, (_, round) => (round + 0.5) / ROUNDS);

describe("a daemon that is killed in the middle of a pull", () => {
  test.each(MOMENTS)(
    "after %f of the bytes",
    async (share) => {
      await forget();
      const before = Math.floor(totalBytes * share);
      proxy.stallAfter(before);
      const pull = startPull();
      await proxy.stalled();
      const least = before - SIZES.length * BUFFERED_BYTES - SLACK_BYTES;
      await until("what has arrived is in files", () => downloadedBytes() >= least);
      await daemon.stop("SIGKILL");
      expect(await pull.exited).not.toBe(0);
      const kept = downloadedBytes();
      proxy.release();
      await daemon.start();
      await consistent();
      proxy.release();
      expect((await daemon.docker("pull", image())).code).toBe(0);
      expect(proxy.passedBytes).toBeLessThan(totalBytes - kept + SLACK_BYTES);
      await consistent();
    },
    60_000,
  );
});
