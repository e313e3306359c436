import { describe, expect, test } from "bun:test";
import type { ImageDiffLine, ImageLayersLine } from "../../api/storage-views.ts";
import { dockerArchive, idOf, layerTar, type TestImage } from "../../store/testing/image-archives.ts";
import { configDifferences } from "./image-diff-config.ts";
import { StorageUnderTest } from "./testing/storage.ts";

const never = new AbortController().signal;
const base = layerTar({ same: "same", changed: "before", gone: "12345" });
const one: TestImage = { layers: [base], config: { Env: ["A=1", "B=2"], Cmd: ["sh"] } };
const two: TestImage = {
  layers: [base, layerTar({ changed: "afterwards", "etc/new": "new" })],
  config: { Env: ["A=1", "B=3"], Cmd: ["bash"], Labels: { k: "v" } },
};
const other: TestImage = { layers: [layerTar({ same: "same", changed: "before" })] };

async function open(): Promise<StorageUnderTest> {
  const context = await StorageUnderTest.open();
  const images = [one, two, other].map((image, index) => ({ ...image, tags: [`i${index}:1`] }));
  await context.load(dockerArchive(images));
  return context;
}

describe("layers", () => {
  test("each with what it adds, changes and makes useless", async () => {
    await using context = await open();
    const lines = await Array.fromAsync(context.storage.layers("i1:1", { files: true, limit: 10 }, never));
    const short = lines.map((line: ImageLayersLine) => {
      if (line.Kind === "layer")
        return [line.Index, line.Instruction, line.Size, line.Added, line.Modified, line.Wasted];
      if (line.Kind === "file")
        return `${line.Layer} ${line.Change} ${line.Path} ${line.Size} ${line.Wasted}`;
      return line.Kind;
    });
    expect(short).toEqual([
      "image",
      [0, "step 0", 15, 3, 0, 6],
      "0 added /changed 6 true",
      "0 added /gone 5 false",
      "0 added /same 4 false",
      [1, "step 1", 13, 2, 1, 0],
      "1 modified /changed 10 false",
      "1 added /etc 0 false",
      "1 added /etc/new 3 false",
      "total",
    ]);
    expect(lines.at(-1)).toEqual({
      Kind: "total",
      Layers: 2,
      Size: 28,
      Wasted: 6,
      Efficiency: 1 - 6 / 28,
      TopWasted: [{ Path: "/changed", Versions: 2, Bytes: 6 }],
      FilesOmitted: 0,
    });
  });

  test("a limit of files", async () => {
    await using context = await open();
    const lines = await Array.fromAsync(context.storage.layers("i1:1", { files: true, limit: 2 }, never));
    expect(lines.filter(({ Kind }) => Kind === "file")).toHaveLength(2);
    expect(lines.at(-1)).toMatchObject({ FilesOmitted: 4 });
    const none = await Array.fromAsync(context.storage.layers("i1:1", { files: false, limit: 2 }, never));
    expect(none.map(({ Kind }) => Kind)).toEqual(["image", "layer", "layer", "total"]);
  });
});

describe("diff", () => {
  const diff = async (context: StorageUnderTest, from: string, to: string, limit = 100, after?: string) =>
    await Array.fromAsync(context.storage.diff({ from, to }, { limit, after }, never));
  const files = (lines: readonly ImageDiffLine[]) =>
    lines.flatMap((line) =>
      line.Kind === "file" ? [`${line.Change} ${line.Path} ${line.Differs ?? ""}`] : [],
    );

  test("files and configuration", async () => {
    await using context = await open();
    const lines = await diff(context, "i0:1", "i1:1");
    expect(lines[0]).toEqual({
      Kind: "images",
      From: { Id: idOf(one), Names: ["i0:1"] },
      To: { Id: idOf(two), Names: ["i1:1"] },
      Config: [
        { Path: "Cmd", From: ["sh"], To: ["bash"] },
        { Path: "Env.B", From: "2", To: "3" },
        { Path: "Labels.k", To: "v" },
      ],
    });
    expect(files(lines)).toEqual(["changed /changed content", "added /etc ", "added /etc/new "]);
    const expected = { Added: 2, Changed: 1, Removed: 0, BytesTo: 13, BytesFrom: 6 };
    expect(lines.at(-1)).toEqual({ Kind: "total", ...expected });
  });

  test("an image and itself; the same files in other layers", async () => {
    await using context = await open();
    expect(files(await diff(context, "i1:1", "i1:1"))).toEqual([]);
    const lines = files(await diff(context, "i0:1", "i2:1")).filter((line) => !line.includes(" time"));
    expect(lines).toEqual(["removed /gone "]);
  });

  test("page after page", async () => {
    await using context = await open();
    const first = await diff(context, "i1:1", "i0:1", 2);
    expect(files(first)).toEqual(["changed /changed content", "removed /etc "]);
    expect(first.at(-1)).toMatchObject({ Next: "/etc" });
    expect(files(await diff(context, "i1:1", "i0:1", 2, "/etc"))).toEqual(["removed /etc/new "]);
  });

  test("images that are not there", async () => {
    await using context = await open();
    expect(() =>
      context.storage.diff({ from: "i0:1", to: "x" }, { limit: 1, after: undefined }, never),
    ).toThrow("No such image: x:latest");
  });
});

test("configurations: nothing to say of what both lack", () => {
  const config = (more: object) =>
    ({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] }, ...more }) as never;
  expect(configDifferences(config({}), config({ config: { Env: null, User: "" } }))).toEqual([]);
  expect(configDifferences(config({}), config({ architecture: "arm64", config: { User: "u" } }))).toEqual([
    { Path: "Architecture", From: "amd64", To: "arm64" },
    { Path: "User", To: "u" },
  ]);
});
