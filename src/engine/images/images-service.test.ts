import { describe, expect, test } from "bun:test";
import { dockerArchive, idOf, layerTar, type TestImage } from "../../store/testing/image-archives.ts";
import { openService, type ServiceUnderTest } from "./testing/service.ts";

const base = layerTar({ "bin/sh": "12345678" });
const old: TestImage = { layers: [base], more: { created: "2020-01-01T00:00:00Z" } };
const app: TestImage = {
  layers: [base, layerTar({ app: "12" })],
  config: { Labels: { tier: "web", empty: "" } },
  more: { created: "2024-06-01T00:00:00.5Z", author: "me", comment: "c" },
};
const dangling: TestImage = { layers: [layerTar({ d: "1" })], more: { created: "2022-01-01T00:00:00Z" } };

async function loaded(): Promise<ServiceUnderTest> {
  const context = await openService();
  await context.load(
    dockerArchive([
      { ...old, tags: ["old:1", "quay.io/x/old:1"] },
      { ...app, tags: ["app:latest"] },
      { ...dangling, tags: null },
    ]),
  );
  context.events.length = 0;
  return context;
}

describe("resolve", () => {
  test("by name, whole id, bare id and unique prefix", async () => {
    await using context = await loaded();
    const id = idOf(app);
    for (const ref of [
      "app",
      "app:latest",
      "docker.io/library/app",
      id,
      id.slice(7),
      id.slice(7, 19),
      id.slice(0, 12),
    ]) {
      expect((await context.service.resolve(ref)).id).toBe(id as never);
    }
  });

  test.each<[string, string, string]>([
    ["nope", "notFound", "No such image: nope:latest"],
    ["nope:x", "notFound", "No such image: nope:x"],
    ["quay.io/a/b", "notFound", "No such image: quay.io/a/b:latest"],
    [`app@sha256:${"0".repeat(64)}`, "notFound", `No such image: app@sha256:${"0".repeat(64)}`],
    ["0".repeat(64), "notFound", `No such image: sha256:${"0".repeat(64)}`],
    ["App", "invalid", "invalid reference format: repository name (library/App) must be lowercase"],
    ["", "invalid", "invalid reference format"],
    ["a b", "invalid", "invalid reference format"],
  ])("%p is %s", async (ref, kind, message) => {
    await using context = await loaded();
    await expect(context.service.resolve(ref)).rejects.toMatchObject({ kind, message });
  });

  test("a prefix of several ids is ambiguous", async () => {
    await using context = await openService();
    const images = Array.from({ length: 17 }, (_, index) => ({
      layers: [],
      tags: null,
      more: { comment: `${index}` },
    }));
    await context.load(dockerArchive(images));
    const firsts = images.map((image) => idOf(image).charAt(7));
    const twice = firsts.find((digit, index) => firsts.indexOf(digit) !== index) ?? "";
    await expect(context.service.resolve(twice)).rejects.toThrow("multiple images found");
  });
});

test("find gives undefined where resolve throws", async () => {
  await using context = await loaded();
  expect((await context.service.find("app"))?.id).toBe(idOf(app) as never);
  expect(await context.service.find("nope")).toBeUndefined();
  expect(await context.service.find("Not A Name")).toBeUndefined();
});

describe("list", () => {
  const list = async (context: ServiceUnderTest, filters: Record<string, string[]> = {}) =>
    (
      await context.service.list({
        all: false,
        digests: false,
        sharedSize: true,
        filters: new Map(Object.entries(filters)),
      })
    ).map((summary) => summary.RepoTags[0] ?? "<none>");

  test("newest first, with sizes and labels", async () => {
    await using context = await loaded();
    const summaries = await context.service.list({
      all: false,
      digests: false,
      sharedSize: true,
      filters: new Map(),
    });
    expect(summaries).toHaveLength(3);
    expect(summaries[0]).toEqual({
      Id: idOf(app),
      ParentId: "",
      RepoTags: ["app:latest"],
      RepoDigests: [],
      Created: 1717200000,
      Size: 10,
      SharedSize: 8,
      Labels: { tier: "web", empty: "" },
      Containers: -1,
    });
    expect(summaries[2]).toMatchObject({ RepoTags: ["old:1", "quay.io/x/old:1"], Labels: null });
  });

  test.each<[Record<string, string[]>, string[]]>([
    [{ dangling: ["true"] }, ["<none>"]],
    [{ dangling: ["0"] }, ["app:latest", "old:1"]],
    [{ label: ["tier"] }, ["app:latest"]],
    [{ label: ["tier=web", "empty"] }, ["app:latest"]],
    [{ label: ["tier=db"] }, []],
    [{ label: ["toString"] }, []],
    [{ before: ["app"] }, ["<none>", "old:1"]],
    [{ since: ["old:1"] }, ["app:latest", "<none>"]],
    [{ reference: ["app"] }, ["app:latest"]],
    [{ reference: ["quay.io/*/*"] }, ["quay.io/x/old:1"]],
    [{ reference: ["*:1", "app:*"] }, ["app:latest", "old:1"]],
    [{ until: ["2021-01-01"] }, ["old:1"]],
    [{ until: ["8760h"] }, ["app:latest", "<none>", "old:1"]],
    [{ until: ["1650000000"] }, ["<none>", "old:1"]],
  ])("filter %j", async (filters, expected) => {
    await using context = await loaded();
    expect(await list(context, filters)).toEqual(expected);
  });

  test.each<[Record<string, string[]>, string, string]>([
    [{ nonsense: ["1"] }, "invalid", "invalid filter 'nonsense'"],
    [{ dangling: ["maybe"] }, "invalid", "invalid filter 'dangling=[maybe]'"],
    [{ before: ["nope"] }, "notFound", "No such image: nope:latest"],
    [{ until: ["soon"] }, "invalid", 'failed to parse value as time or duration: "soon"'],
    [{ reference: ["["] }, "invalid", "syntax error in pattern"],
  ])("refuses %j", async (filters, kind, message) => {
    await using context = await loaded();
    await expect(list(context, filters)).rejects.toMatchObject({
      kind,
      message: expect.stringContaining(message),
    });
  });
});

describe("inspect and history", () => {
  test("inspect", async () => {
    await using context = await loaded();
    const view = await context.service.inspect("app");
    expect(view).toMatchObject({
      Id: idOf(app),
      RepoTags: ["app:latest"],
      Parent: "",
      Author: "me",
      Comment: "c",
      Created: "2024-06-01T00:00:00.5Z",
      Architecture: "amd64",
      Os: "linux",
      Size: 10,
      GraphDriver: { Name: "overlay2" },
      RootFS: { Type: "layers" },
      Metadata: { LastTagTime: "2025-06-01T12:00:00.000Z" },
    });
    expect(view.RootFS.Layers).toHaveLength(2);
    expect(view.GraphDriver.Data?.LowerDir).toContain(context.temporary.root);
    expect((await context.service.inspect(idOf(dangling))).Metadata.LastTagTime).toBe("0001-01-01T00:00:00Z");
  });

  test("history counts layers and skips empty ones", async () => {
    await using context = await openService();
    const image: TestImage = {
      layers: [base, layerTar({ x: "123" })],
      more: {
        history: [
          { created: "2020-01-01T00:00:00Z", created_by: "ADD base" },
          { created_by: "ENV A=b", empty_layer: true, comment: "none" },
          { created_by: "COPY x" },
        ],
      },
    };
    await context.load(dockerArchive([{ ...image, tags: ["h:1"] }]));
    expect(await context.service.history("h:1")).toEqual([
      { Id: idOf(image), Created: 0, CreatedBy: "COPY x", Tags: ["h:1"], Size: 3, Comment: "" },
      { Id: "<missing>", Created: 0, CreatedBy: "ENV A=b", Tags: null, Size: 0, Comment: "none" },
      { Id: "<missing>", Created: 1577836800, CreatedBy: "ADD base", Tags: null, Size: 8, Comment: "" },
    ]);
  });
});

describe("tag", () => {
  test("adds a name and tells it", async () => {
    await using context = await loaded();
    await context.service.tag("app", { repo: "registry.example:5000/team/app", tag: "v2" });
    await context.service.tag(idOf(dangling), { repo: "found", tag: "" });
    expect((await context.service.resolve("registry.example:5000/team/app:v2")).tags).toEqual([
      "app:latest",
      "registry.example:5000/team/app:v2",
    ]);
    expect(context.events.map((event) => [event.action, event.attributes.name])).toEqual([
      ["tag", "registry.example:5000/team/app:v2"],
      ["tag", "found:latest"],
    ]);
  });

  test.each<[string, { repo: string; tag: string }, string, string]>([
    ["nope", { repo: "a", tag: "" }, "notFound", "No such image: nope:latest"],
    ["app", { repo: "A", tag: "" }, "invalid", "must be lowercase"],
    ["app", { repo: "", tag: "x" }, "invalid", "invalid reference format"],
    ["app", { repo: "a", tag: "-x" }, "invalid", "invalid tag format"],
    [
      "app",
      { repo: `a@sha256:${"0".repeat(64)}`, tag: "" },
      "invalid",
      "refusing to create a tag with a digest reference",
    ],
    ["app", { repo: "sha256", tag: "abc" }, "invalid", "refusing to create an ambiguous tag"],
  ])("%p as %j is refused", async (ref, target, kind, message) => {
    await using context = await loaded();
    await expect(context.service.tag(ref, target)).rejects.toMatchObject({
      kind,
      message: expect.stringContaining(message),
    });
  });
});
