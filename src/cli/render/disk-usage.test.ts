import { expect, test } from "bun:test";
import type { ContainerSummary } from "../../api/container-views.ts";
import type { DiskUsageView } from "../../api/disk-usage-views.ts";
import { diskUsageText, verboseDiskUsageText } from "./disk-usage.ts";

const ID = `sha256:${"ab".repeat(32)}`;
const image = { Id: ID, ParentId: "", RepoDigests: [], Created: 0, Labels: null };
const container: ContainerSummary = {
  Id: "cd".repeat(32),
  Names: ["/web"],
  Image: "a:1",
  ImageID: ID,
  Command: "sh",
  Created: 0,
  Ports: [],
  Labels: {},
  State: "running",
  Status: "Up 2 minutes",
  HostConfig: { NetworkMode: "none" },
  NetworkSettings: { Networks: {} },
  Mounts: [],
  SizeRw: 3000,
  SizeRootFs: 9000,
};
const USAGE: DiskUsageView<ContainerSummary> = {
  LayersSize: 10_000_000,
  Images: [
    { ...image, RepoTags: ["a:1"], Size: 5_000_000, SharedSize: 1_000_000, Containers: 1 },
    { ...image, RepoTags: [], Size: 2_000_000, SharedSize: 0, Containers: 0 },
  ],
  Containers: [container, { ...container, Names: ["/old"], State: "exited", SizeRw: 1000 }],
};

test("what could be had back of each kind", () => {
  expect(diskUsageText(USAGE, "")).toBe(
    [
      "TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE",
      "Images          2         1         10MB      6MB (60%)",
      "Containers      2         1         4kB       1kB (25%)",
      "Local Volumes   0         0         0B        0B",
      "Build Cache     0         0         0B        0B",
      "",
    ].join("\n"),
  );
  expect(diskUsageText({}, "{{.Type}} {{.Reclaimable}}")).toStartWith("Images 0B\nContainers 0B\n");
});

test("each thing by itself", () => {
  const lines = verboseDiskUsageText(USAGE, "").split("\n");
  expect(lines[0]).toBe("Images space usage:");
  expect(lines[3]).toMatch(/^a +1 +abababababab +N\/A +5MB +1MB +4MB +1$/);
  expect(lines[4]).toMatch(/^<none> +<none> +abababababab +N\/A +2MB +0B +2MB +0$/);
  expect(lines).toContain("Local Volumes space usage:");
  // The image is not the container's: its size is not counted again.
  expect(lines.find((line) => line.endsWith("web"))).toMatch(/ 3kB /);
});

test("templates and JSON over all of it", () => {
  expect(verboseDiskUsageText(USAGE, "{{range .Containers}}{{.Names}} {{end}}")).toBe("web old ");
  const json = verboseDiskUsageText(USAGE, "json");
  expect(Object.keys(JSON.parse(json))).toEqual(["Images", "Containers", "Volumes", "BuildCache"]);
  expect(JSON.parse(json).Images[1]).toMatchObject({ Repository: "<none>", ID });
  expect(() => verboseDiskUsageText(USAGE, "{{")).toThrow("template parsing error");
});
