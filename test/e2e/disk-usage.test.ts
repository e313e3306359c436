/** `docker system df` against what du(1) says of the same store, with real images and both storage drivers. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { ContainerSummary } from "../../src/api/container-views.ts";
import type { DiskUsageView } from "../../src/api/disk-usage-views.ts";
import { dockerArchive, layerTar } from "../../src/store/testing/image-archives.ts";
import { TestDaemon } from "../support/daemon.ts";
import { busyboxTar, debianTar } from "../support/images.ts";
import { mustRun } from "../support/run-command.ts";
import { until } from "../support/until.ts";

type Usage = Required<DiskUsageView<ContainerSummary>>;

const random = (bytes: number) =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString("base64");

for (const driver of ["overlay2", "vfs"] as const) {
  describe(driver, () => {
    const daemon = new TestDaemon();
    const scratch = mkdtempSync(join(tmpdir(), "berth-df-"));
    const usage = async (query = "") =>
      (await (await daemon.api("GET", `/system/df${query}`)).json()) as Usage;
    const directories = () => readdirSync(join(daemon.root, "d/snapshots")).length;
    const du = async () => {
      const roots = ["content", "snapshots"].map((name) => join(daemon.root, "d", name));
      const lines = (await mustRun(["du", "-s", "-B1", ...roots])).trim().split("\n");
      return lines.reduce((sum, line) => sum + Number.parseInt(line, 10), 0);
    };

    beforeAll(async () => {
      await daemon.start(["--storage-driver", driver]);
      await daemon.mustDocker("import", await busyboxTar(scratch), "busybox");
      await daemon.mustDocker("import", await debianTar(), "debian");
      const base = layerTar(
        Object.fromEntries(Array.from({ length: 400 }, (_, at) => [`small/${at}`, random(40)])),
      );
      const images = ["one", "two"].map((name) => ({
        layers: [base, layerTar({ [name]: random(60_000) })],
        tags: [`${name}:1`],
      }));
      const archive = join(scratch, "shared.tar");
      writeFileSync(
        archive,
        dockerArchive(images, (layer) => gzipSync(layer)),
      );
      await daemon.mustDocker("load", "-i", archive);
    }, 120_000);
    afterAll(async () => {
      await daemon.dispose();
      rmSync(scratch, { recursive: true, force: true });
    });

    test("the total is what du says, within one per cent", async () => {
      const script =
        "dd if=/dev/urandom of=/big bs=1M count=3 2>/dev/null; for i in 1 2 3; do echo $i > /f$i; done; rm /etc/group";
      await daemon.mustDocker("run", "--network", "none", "--name", "writer", "busybox", "sh", "-c", script);
      const { LayersSize, Containers } = await usage();
      const total = LayersSize + Containers.reduce((sum, each) => sum + (each.SizeRw ?? 0), 0);
      // A vfs container is a whole copy, of which SizeRw is only what it changed.
      const copies =
        driver === "vfs"
          ? Containers.reduce((sum, each) => sum + (each.SizeRootFs ?? 0) - (each.SizeRw ?? 0), 0)
          : 0;
      const actual = await du();
      expect(Math.abs(total + copies - actual) / actual).toBeLessThan(0.01);
      expect(Containers.find(({ Names }) => Names.includes("/writer"))?.SizeRw).toBe((3 << 20) + 6);
    });

    test("what images share counts once", async () => {
      const { Images } = await usage("?type=image");
      const find = (tag: string) => Images.find(({ RepoTags }) => RepoTags.includes(tag));
      const [one, two, busybox] = [find("one:1"), find("two:1"), find("busybox:latest")];
      expect(one?.SharedSize).toBe(two?.SharedSize ?? -1);
      expect(one?.SharedSize).toBeGreaterThan(400 * 4096);
      expect(busybox?.SharedSize).toBe(0);
      expect([busybox?.Containers, one?.Containers]).toEqual([1, 0]);
      const { LayersSize } = await usage("?type=image");
      const unique = Images.reduce((sum, { Size, SharedSize }) => sum + Size - SharedSize, 0);
      expect(LayersSize).toBe(unique + (one?.SharedSize ?? 0));
    });

    test("the second reading walks nothing, and removing frees what was said", async () => {
      const before = await usage("?type=image");
      const [one] = before.Images.filter(({ RepoTags }) => RepoTags.includes("one:1"));
      const [free, count] = [await du(), directories()];
      await daemon.mustDocker("rmi", "one:1");
      const after = await usage("?type=image");
      expect(before.LayersSize - after.LayersSize).toBe((one?.Size ?? 0) - (one?.SharedSize ?? 0));
      await until("the layer's directory is removed", () => directories() === count - 1);
      expect(Math.abs(free - (await du()) - (before.LayersSize - after.LayersSize))).toBeLessThan(32 << 10);
    });

    test("the stock client prints it", async () => {
      const table = await daemon.mustDocker(
        "system",
        "df",
        "--format",
        "{{.Type}} {{.TotalCount}} {{.Active}}",
      );
      expect(table.split("\n")).toEqual([
        "Images 3 1",
        "Containers 1 0",
        "Local Volumes 0 0",
        "Build Cache 0 0",
      ]);
      const verbose = await daemon.mustDocker("system", "df", "-v");
      expect(verbose).toContain("debian");
      const info = await daemon.mustDocker("info", "--format", "{{.Driver}} {{.DriverStatus}}");
      expect(info).toStartWith(driver === "vfs" ? "vfs []" : "overlay2 [[Backing Filesystem ");
    });

    test("the same driver at the next start, another one is refused", async () => {
      await daemon.stop();
      const other = driver === "vfs" ? "overlay2" : "vfs";
      await expect(daemon.start(["--storage-driver", other])).rejects.toThrow(
        `the data root holds images and containers of the storage driver ${driver}`,
      );
      await daemon.stop();
      await daemon.start();
      expect(await daemon.mustDocker("info", "--format", "{{.Driver}}")).toBe(driver);
      await daemon.mustDocker("run", "--rm", "--network", "none", "busybox", "true");
    });
  });
}
